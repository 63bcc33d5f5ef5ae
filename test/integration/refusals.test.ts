// What every operation is to answer when something breaks or nobody may ask: neither can be had of a host that runs as it should.
import path from 'node:path';
import { RestError } from '@azure/storage-blob';
import { NewerVersion } from '../../src/contracts/contract';
import { JobStore } from '../../src/storage/jobStore';
import { apiDocument, type Operation } from '../support/apiDocument/document';
import { documentedFetch, holdDocument, judge } from '../support/apiDocument/holdDocument';
import { codesOf, plainRequest } from '../support/apiDocument/plainRequest';
import { startHost, type RunningHost } from '../support/host';
import { callRoute, EngineDouble } from '../support/routes';

holdDocument();

const document = apiDocument();
const having = (code: string) => document.operations.filter((operation) => codesOf(document, operation).includes(code));
const named = (operations: Operation[]) => operations.map((operation) => [operation.id, operation] as const);

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
        expect(JSON.parse((await ask(health!)).text)).toEqual({ status: 'unavailable', storage: 'unreachable' });
        expect((await ask(head!)).status).toBe(503);
        failsWith(new TypeError('x is not a function'));
        expect((await ask(head!)).status).toBe(500);
    });
});

describe('a host that asks for its key', () => {
    let host: RunningHost;
    beforeAll(async () => {
        host = await startHost({ app: path.resolve(__dirname, '../..'), auth: true });
    }, 60_000);
    afterAll(() => host.stop());

    test('answers nobody who has none, but who asks for the API document', async () => {
        const fetch = documentedFetch(() => host.url);
        for (const operation of document.operations) {
            const { route, init } = plainRequest(operation);
            const { status } = await fetch(`${host.url}/api${route}`, init);
            expect([operation.id, status]).toEqual([operation.id, operation.answers.has('401') ? 401 : 200]);
        }
    });
});
