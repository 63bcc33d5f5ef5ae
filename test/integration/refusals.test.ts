// What every operation is to answer when something breaks or nobody may ask: neither can be had of a host that runs as it should.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { RestError } from '@azure/storage-blob';
import { NewerVersion } from '../../src/contracts/contract';
import { JobStore } from '../../src/storage/jobStore';
import { apiDocument, type Operation } from '../support/apiDocument/document';
import { documentedFetch, holdDocument, judge } from '../support/apiDocument/holdDocument';
import { codesOf, plainRequest, type Ask, type PlainRequest } from '../support/apiDocument/plainRequest';
import { startHost, type RunningHost } from '../support/host';
import { callRoute, EngineDouble } from '../support/routes';

holdDocument();

const document = apiDocument();
const having = (code: string) => document.operations.filter((operation) => codesOf(document, operation).includes(code));
const named = (operations: Operation[]) => operations.map((operation) => [operation.id, operation] as const);

const sha256 = (key: string): string => createHash('sha256').update(key).digest('hex');
const appKeys = { read: 'key-of-a-reader', admin: 'key-of-an-admin' };

/** Bodies that get as far as storage. */
const bodies: Record<string, string> = {
    startJob: JSON.stringify({ source: { items: [1] }, process: { processor: 'digest' } }),
    createUpload: 'a,b\n1,2\n',
    appendUpload: 'x',
};
const types: Record<string, string> = { appendUpload: 'application/offset+octet-stream' };

/** Asks in this process, where storage is what the test makes of it. */
async function ask(operation: Operation): Promise<{ status: number; text: string }> {
    const type = types[operation.id];
    const body = bodies[operation.id];
    const { route, init } = plainRequest(operation, {
        ...(type ? { headers: { 'content-type': type } } : {}),
        ...(body === undefined ? {} : { body }),
    });
    const answer = await callRoute(new EngineDouble(), init.method, route.slice(1), {
        headers: init.headers,
        ...(init.body === undefined ? {} : { body: Buffer.from(init.body) }),
    });
    const sent = { method: init.method, route, query: new URLSearchParams(), headers: new Headers(init.headers), text: init.body };
    judge({ ...sent, hasBody: init.body !== undefined }, answer).whole(init.method === 'HEAD' ? '' : answer.text);
    return answer;
}

describe('storage', () => {
    afterEach(() => jest.restoreAllMocks());
    const failsWith = (error: Error) => jest.spyOn(JobStore, 'open').mockRejectedValue(error);
    const away = new RestError('connect ECONNREFUSED 127.0.0.1:1', { code: 'ECONNREFUSED' });

    test.each(named(having('STORAGE_UNAVAILABLE')))('that is away: %s', async (_id, operation) => {
        failsWith(away);
        expect(await ask(operation)).toMatchObject({ status: 503, text: expect.stringContaining('"STORAGE_UNAVAILABLE"') });
    });

    test.each(named(having('NEWER_VERSION')))('with documents of a newer version: %s', async (_id, operation) => {
        failsWith(new NewerVersion('job', 9, 2));
        expect(await ask(operation)).toMatchObject({ status: 503, text: expect.stringContaining('"NEWER_VERSION"') });
    });

    test.each(named(having('INTERNAL')))('that does what nobody foresaw: %s', async (_id, operation) => {
        failsWith(new TypeError('x is not a function'));
        expect(await ask(operation)).toMatchObject({ status: 500, text: expect.stringContaining('"INTERNAL"') });
    });

    test('that is away: health, and a HEAD, whose answer has no body', async () => {
        failsWith(away);
        const [health, head] = ['health', 'headUpload'].map((id) => document.operations.find((operation) => operation.id === id)!);
        expect(JSON.parse((await ask(health!)).text)).toEqual({ status: 'unavailable' });
        expect((await ask(head!)).status).toBe(503);
        failsWith(new TypeError('x is not a function'));
        expect((await ask(head!)).status).toBe(500);
    });
});

describe('a host that asks for its key and for keys of the app, and takes little', () => {
    let host: RunningHost;
    beforeAll(async () => {
        const FANFOLD_KEYS = (['read', 'admin'] as const).map((level) => `${level}er:${level}:${sha256(appKeys[level])}`).join();
        const env = { FANFOLD_KEYS, FANFOLD_MAX_ITEMS: '1', FANFOLD_MAX_JOBS: '1', FANFOLD_MAX_UPLOADS: '1' };
        host = await startHost({ app: path.resolve(__dirname, '../..'), auth: true, env });
    }, 60_000);
    afterAll(() => host?.stop());

    const fetch = documentedFetch(() => host.url);
    const send = ({ route, init }: PlainRequest, keys: Record<string, string>) =>
        fetch(`${host.url}/api${route}`, { ...init, headers: { ...init.headers, ...keys } });
    const ofPlatform = () => ({ 'x-functions-key': host.key! });
    const as = (level: keyof typeof appKeys) => ({ ...ofPlatform(), 'x-fanfold-key': appKeys[level] });

    test('answers nobody who has none, but who asks for health or the API document', async () => {
        const open: string[] = [];
        for (const operation of document.operations) {
            const { status } = await send(plainRequest(operation), {});
            if (status === 200) open.push(operation.id);
            expect([operation.id, status]).toEqual([operation.id, operation.answers.has('401') ? 401 : 200]);
        }
        expect(open.sort()).toEqual(['getOpenApi', 'health']);
    });

    test('answers who has only the key of the platform with how to come', async () => {
        for (const operation of document.operations.filter(({ answers }) => answers.has('401'))) {
            const { status, headers } = await send(plainRequest(operation), ofPlatform());
            expect([operation.id, status, headers.get('www-authenticate')]).toEqual([operation.id, 401, expect.stringContaining('ApiKey')]);
        }
    });

    test('answers who may only read with the level that is needed', async () => {
        const told = await Promise.all(
            document.operations
                .filter(({ answers }) => answers.has('401'))
                .map(async (operation) => {
                    const answer = await send(plainRequest(operation), as('read'));
                    return answer.status === 403 ? operation.id : null;
                }),
        );
        // A HEAD has no body that could name the code.
        const above = [...named(having('LEVEL_TOO_LOW')).map(([id]) => id), 'headUpload'];
        expect(told.filter((id) => id !== null).sort()).toEqual(above.sort());
        expect(above).toContain('startJob');
    });

    test('takes no job of too many items, no job and no upload beyond its caps', async () => {
        const ask = async (id: string, of: Ask) => {
            const operation = document.operations.find((one) => one.id === id)!;
            const answer = await send(plainRequest(operation, of), as('admin'));
            return { status: answer.status, text: await answer.text(), after: answer.headers.get('retry-after') };
        };
        const startAt = new Date(Date.now() + 3_600_000).toISOString();
        const job = (items: number[]) => ({ body: JSON.stringify({ source: { items }, process: { processor: 'digest' }, startAt }) });
        expect(await ask('startJob', job([1, 2]))).toMatchObject({ status: 413, text: expect.stringContaining('"TOO_MANY_ITEMS"') });
        expect(await ask('startJob', job([1]))).toMatchObject({ status: 202 });
        expect(await ask('startJob', job([1]))).toMatchObject({
            status: 429,
            text: expect.stringContaining('"TOO_MANY_JOBS"'),
            after: '30',
        });
        const parts = { headers: { 'tus-resumable': '1.0.0', 'upload-length': '3' } };
        expect(await ask('createUpload', parts)).toMatchObject({ status: 201 });
        expect(await ask('createUpload', parts)).toMatchObject({
            status: 429,
            text: expect.stringContaining('"TOO_MANY_UPLOADS"'),
            after: '60',
        });
    });
});
