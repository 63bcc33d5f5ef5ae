import { BlobServiceClient } from '@azure/storage-blob';
import { spawn, spawnSync } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { unzipSync } from 'fflate';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { azuriteProgram, listens } from '../../devhost/azurite';
import { freePorts } from '../support/ports';
import { startTarget } from '../../samples/target';
import { FanfoldClient, isEnded } from '../../src/client';
import { startHost, type RunningHost } from '../support/host';
import { DEADLINE_MS, until } from '../support/until';

const root = path.resolve(__dirname, '../..');
const folder = mkdtempSync(path.join(os.tmpdir(), 'fanfold-package-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function makePackage(name: string, env: NodeJS.ProcessEnv = {}): Buffer {
    const out = path.join(folder, name);
    const made = spawnSync(process.execPath, ['scripts/package.mjs', '--out', out], {
        cwd: root,
        env: { ...process.env, ...env },
        encoding: 'utf8',
    });
    if (made.status !== 0) throw new Error(made.stderr);
    return readFileSync(path.join(out, 'fanfold.zip'));
}

let zip: Buffer;
let app: string;
beforeAll(() => {
    zip = makePackage('first');
    app = path.join(folder, 'unzipped');
    mkdirSync(app);
    for (const [name, content] of Object.entries(unzipSync(zip))) writeFileSync(path.join(app, name), content);
});

describe('the package', () => {
    test('is under 5 MB and holds what runs, nothing else', () => {
        expect(zip.length).toBeLessThan(5e6);
        expect(Object.keys(unzipSync(zip))).toEqual([
            'LICENSE',
            'host.json',
            'identity.js',
            'identity.js.LEGAL.txt',
            'main.js',
            'main.js.LEGAL.txt',
            'openapi.json',
            'package.json',
        ]);
        const main = readFileSync(path.join(app, 'main.js'), 'utf8');
        for (const word of ['devhost/', 'samples/', 'azurite', 'zod-openapi', root]) expect(main).not.toContain(word);
    });

    test('has the same bytes when made again, later and in another time zone', () => {
        expect(makePackage('second', { TZ: 'Pacific/Auckland' }).equals(zip)).toBe(true);
        // And so has what tells of it.
        for (const beside of ['fanfold.zip.sha256', 'fanfold.cdx.json'])
            expect(readFileSync(path.join(folder, 'second', beside), 'utf8')).toBe(
                readFileSync(path.join(folder, 'first', beside), 'utf8'),
            );
    });

    test('reaches storage by identity: the library is there, in a file that is read when needed', () => {
        const script = `import(${JSON.stringify(path.join(app, 'identity.js'))}).then((m) => new m.ManagedIdentityCredential({ clientId: 'x' }).getToken.name).then(console.log)`;
        const ran = spawnSync(process.execPath, ['-e', script], { cwd: app, encoding: 'utf8' });
        expect(ran.stdout.trim()).toBe('getToken');
        expect(readFileSync(path.join(app, 'main.js'), 'utf8')).toContain('import("./identity.js")');
    });

    test('runs a job where nothing is installed', async () => {
        expect(existsSync(path.join(app, 'node_modules'))).toBe(false);
        const host = await startHost({ app });
        try {
            await runJob(host);
        } finally {
            await host.stop();
        }
    });

    test('runs a job as `func azure functionapp publish` sends it from the root, by what .funcignore leaves (test/repository/funcignore.test.ts)', async () => {
        const sent = path.join(folder, 'sent');
        cpSync(path.join(folder, 'first/app'), path.join(sent, 'dist/app'), { recursive: true });
        for (const file of ['host.json', 'package.json', 'main.js']) copyFileSync(path.join(root, file), path.join(sent, file));
        const host = await startHost({ app: sent });
        try {
            await runJob(host);
        } finally {
            await host.stop();
        }
    });

    test('keeps job data where the identity named by AZURE_CLIENT_ID may write, with a token and no key', async () => {
        const azure = await startAzure('11111111-2222-3333-4444-555555555555');
        const host = await startHost({ app, env: azure.settings });
        try {
            const id = await runJob(host);
            const blobs = (await azure.blobs()).filter((name) => name.startsWith(`jobs/${id}/`));
            expect(blobs).toEqual(expect.arrayContaining([`jobs/${id}/spec.json`, `jobs/${id}/manifest.json`]));
            expect(azure.asked()).toContain('11111111-2222-3333-4444-555555555555 for https://storage.azure.com');
            // Not a line of it in the host's own account, which a connection string opens.
            const own = BlobServiceClient.fromConnectionString(host.storage).getContainerClient('fanfold');
            expect(await own.exists()).toBe(false);
        } finally {
            await host.stop();
            await azure.stop();
        }
    });
});

/** Runs a small job to its end and gives its id. */
async function runJob(host: RunningHost): Promise<string> {
    const target = await startTarget({ latencyMs: 1 });
    try {
        const items = Array.from({ length: 20 }, (_, i) => ({ id: `i${i}` }));
        const client = new FanfoldClient({ url: host.url });
        const { id } = await client.startJob({ source: { items }, process: { http: { url: `${target.url}/x/{id}` } } });
        const job = await client.waitUntil(id, isEnded, { everyMs: 50, timeoutMs: DEADLINE_MS }).catch((error: Error) => {
            throw new Error(`${error.message}\n${host.output()}`, { cause: error });
        });
        expect(job).toMatchObject({ state: 'completed', counts: { total: 20, succeeded: 20 } });
        await until(
            () => host.output().includes(`job=${id} fold ended`),
            () => `the log does not tell the job's life:\n${host.output()}`,
        );
        // One search tells the job's life.
        const life = host
            .output()
            .split('\n')
            .filter((line) => line.includes(`job=${id} `));
        const told = life.map((line) => line.replace(/^.*?job=\S+ /, '').replace(/: .*/, ''));
        const slice = 'worker=r1w0 lease=1 slice';
        const expected = [
            'job accepted',
            'planning began',
            'planning ended',
            `${slice} began`,
            `${slice} ended`,
            'fold began',
            'job ended',
            'fold ended',
        ];
        expect(told).toEqual(expected);
        expect(life[4]).toMatch(/why=done calls=20 recorded=20 /);
        return id;
    } finally {
        await target.stop();
    }
}

/**
 * As much of Azure as a machine has: an account that takes tokens over TLS (Azurite looks at a token's issuer, audience and times, not
 * at its signature), and the endpoint from which an app gets the tokens of its identity.
 */
async function startAzure(clientId: string) {
    const own = mkdtempSync(path.join(folder, 'azure-'));
    const { key, cert } = selfSigned();
    writeFileSync(path.join(own, 'key.pem'), key);
    writeFileSync(path.join(own, 'cert.pem'), cert);

    const seconds = Math.floor(Date.now() / 1000);
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = { aud: 'https://storage.azure.com', iss: 'https://sts.windows.net/tenant/', iat: seconds, nbf: seconds - 60 };
    const token = `${part({ alg: 'RS256', typ: 'JWT' })}.${part({ ...claims, exp: seconds + 3600 })}.c2lnbmVk`;
    const asked = new Set<string>();
    const identity = http.createServer((request, response) => {
        const query = new URL(request.url!, 'http://x').searchParams;
        asked.add(`${query.get('client_id')} for ${query.get('resource')?.replace(/\/$/, '')}`);
        const known = request.headers['x-identity-header'] === 'known' && query.get('client_id') === clientId;
        response.writeHead(known ? 200 : 400, { 'content-type': 'application/json' });
        response.end(JSON.stringify(known ? { access_token: token, expires_on: String(seconds + 3600), token_type: 'Bearer' } : {}));
    });
    await once(identity.listen(0, '127.0.0.1'), 'listening');

    const [port] = await freePorts(1);
    const options = [
        '--blobPort',
        String(port),
        '--location',
        own,
        '--silent',
        '--skipApiVersionCheck',
        '--disableTelemetry',
        '--oauth',
        'basic',
    ];
    const azurite = spawn(
        process.execPath,
        [azuriteProgram('blob'), ...options, '--cert', path.join(own, 'cert.pem'), '--key', path.join(own, 'key.pem')],
        {
            stdio: 'ignore',
        },
    );
    // The host would otherwise be ready before it, and answer that storage is away.
    await until(
        () => listens(port!),
        () => `Azurite does not listen on port ${port}`,
    ).catch((error: unknown) => {
        azurite.kill('SIGKILL');
        throw error;
    });
    const url = `https://127.0.0.1:${port}/devstoreaccount1`;
    return {
        settings: {
            FANFOLD_DATA_ACCOUNT_URL: url,
            AZURE_CLIENT_ID: clientId,
            IDENTITY_ENDPOINT: `http://127.0.0.1:${(identity.address() as AddressInfo).port}/token`,
            IDENTITY_HEADER: 'known',
            NODE_EXTRA_CA_CERTS: path.join(own, 'cert.pem'),
        },
        asked: () => [...asked],
        /** What the container holds, read with the same token by a process that trusts the certificate. */
        blobs: async () => {
            const script = `fetch('${url}/fanfold?restype=container&comp=list', { headers: { authorization: 'Bearer ${token}', 'x-ms-version': '2024-11-04' } }).then((r) => r.text()).then(console.log)`;
            const reader = spawn(process.execPath, ['-e', script], {
                env: { ...process.env, NODE_EXTRA_CA_CERTS: path.join(own, 'cert.pem') },
                stdio: ['ignore', 'pipe', 'inherit'],
            });
            const chunks: Buffer[] = [];
            for await (const chunk of reader.stdout) chunks.push(chunk as Buffer);
            return [
                ...Buffer.concat(chunks)
                    .toString()
                    .matchAll(/<Name>([^<]+)</g),
            ].map((m) => m[1]!);
        },
        stop: async () => {
            const gone = once(azurite, 'exit');
            azurite.kill('SIGKILL');
            await gone;
            identity.closeAllConnections();
            identity.close();
        },
    };
}

/** A key and a certificate for 127.0.0.1, good for a few days: Node.js makes keys, but no certificates. */
function selfSigned(): { key: string; cert: string } {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const der = (tag: number, ...parts: Buffer[]): Buffer => {
        const body = Buffer.concat(parts);
        const size = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 255];
        return Buffer.concat([Buffer.from([tag, ...size]), body]);
    };
    const [sequence, set, bits, octets] = [0x30, 0x31, 0x03, 0x04];
    const oid = (hex: string) => der(0x06, Buffer.from(hex, 'hex'));
    const ecdsaWithSha256 = der(sequence, oid('2a8648ce3d040302'));
    const name = der(sequence, der(set, der(sequence, oid('550403'), der(0x0c, Buffer.from('fanfold test')))));
    // 20261124030057Z, a generalized time.
    const time = (ms: number) => der(0x18, Buffer.from(new Date(ms).toISOString().replace(/\.\d+|[-:T]/g, '')));
    const days = 86_400_000;
    const alternativeName = der(sequence, oid('551d11'), der(octets, der(sequence, der(0x87, Buffer.from([127, 0, 0, 1])))));
    const content = der(
        sequence,
        der(0xa0, der(0x02, Buffer.from([2]))),
        der(0x02, Buffer.from([1])),
        ecdsaWithSha256,
        name,
        der(sequence, time(Date.now() - days), time(Date.now() + days)),
        name,
        publicKey.export({ type: 'spki', format: 'der' }),
        der(0xa3, der(sequence, alternativeName)),
    );
    const signature = der(bits, Buffer.from([0]), sign('sha256', content, privateKey));
    const cert = der(sequence, content, ecdsaWithSha256, signature).toString('base64');
    return {
        key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
        cert: `-----BEGIN CERTIFICATE-----\n${cert.match(/.{1,64}/g)!.join('\n')}\n-----END CERTIFICATE-----\n`,
    };
}
