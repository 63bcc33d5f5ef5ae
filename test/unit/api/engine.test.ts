// The port to the engine over the SDK's own client, which tells what went wrong by its words: an update that changes them is noticed here.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import * as df from 'durable-functions';
import { engineOf } from '../../../src/api/durableEngine';
import { operationMessage } from '../../../src/contracts/ledger';

let server: http.Server;
let answer: { status: number; body: unknown } = { status: 500, body: {} };
const asked: string[] = [];
let sent = '';

beforeAll(async () => {
    server = http.createServer((req, res) => {
        asked.push(`${req.method} ${req.url}`);
        sent = '';
        req.setEncoding('utf8').on('data', (text: string) => (sent += text));
        res.writeHead(answer.status, { 'content-type': 'application/json' }).end(
            answer.body === undefined ? '' : JSON.stringify(answer.body),
        );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => server.close());

/** The SDK's client for the payload of a binding that points to this server. */
const engine = () => {
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const input = df.input.durableClient();
    const payload = { taskHubName: 'hub', baseUrl: base, rpcBaseUrl: base, creationUrls: {}, managementUrls: { id: 'INSTANCEID' } };
    const context = { options: { extraInputs: [input] }, extraInputs: new Map([[input, payload]]) };
    return engineOf(df.getClient(context as never));
};
const says = (status: number, body: unknown) => void (answer = { status, body });

// Ids hold digits: what looks for "404" or "409" in a message finds them there.
const id = 'b404b409-0404-4404-8404-404404404409';
const shown = (runtimeStatus: string) => ({
    name: 'runjob',
    instanceId: id,
    createdTime: '2026-01-01T00:00:00Z',
    lastUpdatedTime: '2026-01-01T00:00:00Z',
    input: null,
    output: null,
    runtimeStatus,
});

test('an instance is there and at work, has ended, or is not there', async () => {
    for (const status of ['Pending', 'Running', 'ContinuedAsNew', 'Suspended']) {
        says(202, shown(status));
        expect([status, await engine().stateOf(id)]).toEqual([status, 'active']);
    }
    for (const status of ['Completed', 'Failed', 'Terminated', 'Canceled']) {
        says(200, shown(status));
        expect([status, await engine().stateOf(id)]).toEqual([status, 'ended']);
    }
    says(404, undefined);
    expect(await engine().stateOf(id)).toBe('none');
    says(404, { Message: 'no such instance' });
    expect(await engine().stateOf(id)).toBe('none');
});

test('an engine that fails is not taken for one without the instance, whatever digits its words hold', async () => {
    for (const [status, body] of [
        [500, { Message: `404 not found: no instance ${id}` }],
        [503, { Message: 'HTTP 404 response.' }],
        [200, undefined],
    ] as const) {
        says(status, body);
        await expect(engine().stateOf(id)).rejects.toThrow();
    }
});

test('a start that meets one at work is none that failed; any other refusal is', async () => {
    says(202, { id });
    await engine().start(id);
    expect(asked.at(-1)).toBe(`POST /orchestrators/runjob/${id}`);
    says(409, { Message: `An Orchestration instance with the id ${id} is active already.` });
    await engine().start(id);
    for (const [status, body] of [
        [500, { Message: `409 ${id}` }],
        [400, {}],
        [503, {}],
    ] as const) {
        says(status, body);
        await expect(engine().start(id)).rejects.toThrow();
    }
});

test('the ledger is told all that it goes by, the limits too', async () => {
    says(202, undefined);
    const seen = { generation: 3, desired: 'pause', ending: null, concurrency: 5, deadline: 1_767_225_600_000 } as const;
    await engine().tellLedger(id, seen);
    expect(asked.at(-1)).toMatch(/^POST \/entities\/ledger\//);
    expect(operationMessage.read(JSON.parse(sent))).toEqual({ op: 'control', ...seen });
});
