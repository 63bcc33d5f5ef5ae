// What the command line bears: a host that is killed, itself being killed, streams without end, readers that go, and a folder without its packages.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { FanfoldClient } from '../../src/client';
import { startHost, type RunningHost } from '../support/host';
import { freePorts } from '../support/ports';
import { until } from '../support/until';
import { fanfold, root, run, start, startTestTarget, useFolder, writeRows, type TestTarget } from './support';

const folder = useFolder();

describe('with a host', () => {
    let host: RunningHost;
    let target: TestTarget;
    let env: Record<string, string>;
    beforeAll(async () => {
        [host, target] = await Promise.all([startHost({ app: root }), startTestTarget()]);
        env = { FANFOLD_URL: host.url };
    });
    afterAll(async () => {
        await host?.stop();
        await target?.stop();
    });

    test('a host that is killed and comes back is ridden out while it watches', async () => {
        const rows = writeRows(path.join(folder, 'rows.csv'), 200);
        const watching = start(folder, ['run', rows, '--post', `${target.url}/x/{id}`, '--rate', '20/s', '--wait', '-o', 'json'], {
            env,
            input: null,
        });
        await watching.says(/^running/m);
        await host.kill9();
        await watching.says(/no answer from .* trying again/);
        await host.restart();
        const { code, stdout, stderr } = await watching.ended;
        expect([code, stderr]).toEqual([0, expect.stringContaining('answers again')]);
        expect(JSON.parse(stdout)).toMatchObject({ state: 'completed', counts: { succeeded: 200 } });
    });

    test('an upload whose process is killed goes on where it stood, and its job is started once', async () => {
        // A door in front of the host lets two parts through and holds the third: there the process is killed.
        let parts = 0;
        const offsets: number[] = [];
        let isOpen = false;
        const door = http.createServer((request, response) => {
            if (request.method === 'PATCH') offsets.push(Number(request.headers['upload-offset']));
            if (request.method === 'PATCH' && !isOpen && ++parts > 2) return;
            const onward = http.request(new URL(request.url!, host.url), { method: request.method, headers: request.headers }, (answer) => {
                response.writeHead(answer.statusCode!, answer.headers);
                answer.pipe(response);
            });
            request.pipe(onward);
        });
        await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
        const through = { FANFOLD_URL: `http://127.0.0.1:${(door.address() as AddressInfo).port}` };
        const file = path.join(folder, 'big.ndjson');
        writeFileSync(file, `${JSON.stringify({ id: 1, text: 'x'.repeat(500_000) })}\n`.repeat(60));
        const args = ['run', file, '--processor', 'digest', '--keep', 'none', '-o', 'json'];
        const first = start(folder, args, { env: through, input: null });
        await until(() => parts > 2);
        first.child.kill('SIGKILL');
        await first.ended;
        isOpen = true;
        const second = await run(folder, args, { env: through });
        expect([second.code, second.stderr]).toEqual([0, expect.stringContaining('Going on with the upload of big.ndjson at 16.8 MB')]);
        expect(offsets.slice(-2)).toEqual([16_777_216, 25_165_824]);
        expect(await new FanfoldClient({ url: host.url }).listPage()).toMatchObject({
            jobs: expect.arrayContaining([expect.objectContaining({ name: 'unnamed' })]),
        });
        expect(JSON.parse(readFileSync(path.join(folder, 'state/fanfold/uploads.json'), 'utf8'))).toEqual({});
        door.closeAllConnections();
        door.close();
    });
});

describe('results without end', () => {
    const line = Buffer.from(
        `${JSON.stringify({ index: 1, outcome: 'succeeded', key: 'k', attempts: 1, ms: 1, at: '', output: 'x'.repeat(900) })}\n`,
    );
    const chunk = Buffer.concat(Array.from({ length: 64 }, () => line));
    const TOTAL = 300_000_000;
    let server: http.Server;
    let env: Record<string, string>;
    beforeAll(async () => {
        server = http.createServer((_request, response) => {
            response.writeHead(200, { 'content-type': 'application/x-ndjson', 'x-fanfold-cursor': 'c' });
            let sent = 0;
            const more = (): void => {
                while (sent < TOTAL && !response.destroyed) {
                    sent += chunk.length;
                    if (!response.write(chunk)) return void response.once('drain', more);
                }
                response.end();
            };
            more();
        });
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        env = { FANFOLD_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
    });
    afterAll(() => {
        server.closeAllConnections();
        server.close();
    });

    /** Most memory that a process has had, in bytes; null when it is gone. */
    const peakOf = (pid: number): number | null => {
        try {
            const found = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
            return found && Number(found[1]) * 1024;
        } catch {
            return null;
        }
    };

    test.each(['ndjson', 'json'])('%s goes through in flat memory', async (form) => {
        const child = spawn(process.execPath, [fanfold, 'jobs', 'results', 'j', '-o', form], {
            env: { PATH: process.env.PATH, HOME: folder, ...env },
            stdio: ['ignore', 'pipe', 'pipe'],
        });
        let [bytes, peak] = [0, 0];
        child.stdout.on('data', (data: Buffer) => {
            bytes += data.length;
            peak = Math.max(peak, peakOf(child.pid!) ?? 0);
        });
        const [code] = (await once(child, 'close')) as [number];
        expect([code, bytes >= TOTAL, peak > 0]).toEqual([0, true, true]);
        expect(peak).toBeLessThan(220e6);
    });

    // Not by spawnSync: the server is in this process.
    test.each(['ndjson', 'table'])('a reader that has enough ends it quietly: %s', async (form) => {
        const child = spawn(
            'bash',
            ['-c', `"$0" "$1" jobs results j -o ${form} | head -2; echo "code ${'$'}{PIPESTATUS[0]}"`, process.execPath, fanfold],
            {
                env: { PATH: process.env.PATH, HOME: folder, ...env },
                stdio: ['ignore', 'pipe', 'pipe'],
            },
        );
        let [stdout, stderr] = ['', ''];
        child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
        child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
        await once(child, 'close');
        const lines = stdout.trim().split('\n');
        expect([lines.length, lines.at(-1), stderr]).toEqual([3, 'code 0', '']);
    });
});

test('the tarball has one file that runs without a package beside it', () => {
    const packed = spawnSync('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root, encoding: 'utf8' });
    const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
    expect(spawnSync('tar', ['xf', filename], { cwd: folder }).status).toBe(0);
    const script = path.join(folder, 'package/dist/cli/fanfold.js');
    const help = spawnSync(script, ['--help'], { cwd: folder, encoding: 'utf8' });
    expect([help.status, help.stdout, help.stderr]).toEqual([0, expect.stringContaining('Usage: fanfold'), '']);
    const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };
    expect(spawnSync(script, ['--version'], { encoding: 'utf8' }).stdout).toBe(`${version}\n`);
    // Alone, the local host is not there: said in words.
    const alone = path.join(folder, 'alone.js');
    copyFileSync(script, alone);
    const dev = spawnSync(process.execPath, [alone, 'dev'], { cwd: folder, encoding: 'utf8' });
    expect([dev.status, dev.stderr]).toEqual([1, expect.stringMatching(/^fanfold: The local host is not here[^]*npm run build/)]);
    expect(dev.stderr).not.toMatch(/^\s+at /m);
});

test('the local host of the tarball runs with nothing installed, and ends when its command is told to by its id', async () => {
    const packed = spawnSync('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root, encoding: 'utf8' });
    const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
    expect(spawnSync('tar', ['xf', filename], { cwd: folder }).status).toBe(0);
    const [port, blob, queue, table] = await freePorts(4);
    const dev = start(folder, ['dev', '--port', String(port)], {
        script: path.join(folder, 'package/dist/cli/fanfold.js'),
        env: { AZURITE_BLOB_PORT: String(blob), AZURITE_QUEUE_PORT: String(queue), AZURITE_TABLE_PORT: String(table) },
    });
    await dev.says('Ready on');
    const list = await run(folder, ['--url', `http://localhost:${port}`, 'jobs', 'list', '-o', 'json']);
    expect([list.code, list.stdout]).toEqual([0, '[]\n']);
    dev.child.kill('SIGINT');
    expect(await dev.ended).toMatchObject({ code: 0 });
    await expect(fetch(`http://localhost:${port}/api/health`)).rejects.toThrow();
});
