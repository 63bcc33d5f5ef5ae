// Keys, secrets and digits on their whole way: posted, planned and called over real blob storage (Azurite), then read back from what was stored.
import { anyLease } from '../support/lease';
import { quiet } from '../support/log';
import { randomUUID } from 'node:crypto';
import { Occupancy } from '../../src/activities/occupancy';
import { planJob } from '../../src/activities/planJob';
import { processSlice } from '../../src/activities/processSlice/processSlice';
import { systemClock } from '../../src/activities/processSlice/clock';
import { blobs } from '../../src/contracts/names';
import { JobStore } from '../../src/storage/jobStore';
import { startBlobStorage } from '../support/blobStorage';
import { startRecorder, type Called, type Recorder } from '../support/recorder';
import { callRoute, EngineDouble } from '../support/routes';

let storage: Awaited<ReturnType<typeof startBlobStorage>>;
let store: JobStore;
let target: Recorder;
const engine = new EngineDouble();
const settings = ['FANFOLD_DATA_CONNECTION', 'FANFOLD_SECRETS', 'TOKEN', 'TOKEN_LINE', 'TOKEN_BLANK', 'TOKEN_SHORT', 'TOKEN_SIGN'];

beforeAll(async () => {
    storage = await startBlobStorage();
    process.env.FANFOLD_DATA_CONNECTION = storage.connection;
    store = await JobStore.open();
    target = await startRecorder();
}, 60_000);
afterAll(async () => {
    for (const name of settings) delete process.env[name];
    await target?.stop();
    await storage?.stop();
});
beforeEach(() => {
    target.forget();
    target.answer = '{}';
});

const post = (spec: string) => callRoute(engine, 'POST', 'jobs', { body: Buffer.from(spec.replaceAll('TARGET', target.url)) });

interface Ran {
    id: string;
    calls: Called[];
    /** Lines of the results, in input order, as text. */
    lines: string[];
    csv: string[];
    item: (index: number) => Promise<string>;
}

/** Posts the spec as text, plans it and runs one slice over all of it, one call after the other; `between` comes when the job is stored and not yet planned. */
async function run(spec: string, between: (id: string) => Promise<unknown> = async () => undefined): Promise<Ran> {
    const posted = await post(spec);
    if (posted.status !== 202) throw new Error(posted.text);
    const { id } = posted.json as { id: string };
    await between(id);
    const plan = await planJob({ jobId: id }, store);
    if (!plan.ok) throw new Error(JSON.stringify(plan));
    const lease = { ...anyLease, to: plan.partitions, concurrency: 1 };
    const occupancy = new Occupancy();
    const report = await processSlice({ jobId: id, worker: `${id}:0`, lease }, store, {
        clock: systemClock,
        chance: () => 0,
        newRunId: randomUUID,
        log: quiet,
        enter: (makeRoom) => occupancy.enter(makeRoom),
        atTarget: () => null,
        processId: 'this process',
    });
    expect(report).toMatchObject({ closed: plan.partitions, open: [] });
    const read = async (query: string) => (await callRoute(engine, 'GET', `jobs/${id}/results?order=input${query}`)).text;
    return {
        id,
        calls: target.calls,
        lines: (await read('')).trimEnd().split('\n'),
        csv: (await read('&format=csv')).trimEnd().split('\r\n').slice(1),
        item: async (index) => (await callRoute(engine, 'GET', `jobs/${id}/items/${index}`)).text,
    };
}

const keysSent = ({ id, calls }: Ran) => calls.map(({ headers }) => headers['idempotency-key']!.join().replace(`${id}:`, ''));
const items = (...all: string[]) => `{"source":{"items":[${all.map((id) => `{"id":${id}}`).join()}]}`;

describe('keys', () => {
    // What stands in the items, and what is sent as the key.
    const keys: [string, string][] = [
        ['1', '1'],
        ['"1"', '"1"'],
        ['1.10', '1.10'],
        ['1.1', '1.1'],
        ['"1.10"', '"1.10"'],
        ['1e5', '1e5'],
        ['100000', '100000'],
        ['9007199254740993', '9007199254740993'],
        ['9007199254740992', '9007199254740992'],
        ['1e400', '1e400'],
        ['-0', '-0'],
        ['0', '0'],
        ['"a:b"', 'a:b'],
        ['"50%"', '50%25'],
        ['"50%25"', '50%2525'],
        ['"Zürich 1"', 'Z%C3%BCrich%201'],
        ['"\\"1\\""', '"\\"1\\""'],
        ['"😀"', '%F0%9F%98%80'],
    ];

    test('are sent one for each item, stored as they are, and read back digit for digit', async () => {
        const ran = await run(`${items(...keys.map(([key]) => key))},"key":"id","process":{"http":{"url":"TARGET/x"}}}`);
        expect(keysSent(ran)).toEqual(keys.map(([, sent]) => sent));
        for (const [index, [key]] of keys.entries()) {
            expect(ran.lines[index]).toContain(`{"index":${index},"outcome":"succeeded","key":${key},`);
            expect(ran.calls[index]!.body).toBe(`{"id":${key}}`);
            expect(await ran.item(index)).toContain(`{"index":${index},"key":${key},"item":{"id":${key}},`);
            // In a cell a number is its digits, and a text is itself.
            const cell = key.startsWith('"') ? (JSON.parse(key) as string) : key;
            expect(ran.csv[index]!.startsWith(`${index},${cell.includes('"') ? `"${cell.replaceAll('"', '""')}"` : cell},succeeded,`)).toBe(
                true,
            );
        }
    });

    test('of a job that an older version stored keep their form', async () => {
        const before = async (id: string) => {
            const stored = (await store.readJob(id))!;
            delete stored.spec.keyForm;
            await store.writeJson(blobs.spec(id), stored);
        };
        const ran = await run(
            `${items('"7"', '7', '1.10', '"Zürich 1"', '"a%20b"')},"key":"id","process":{"http":{"url":"TARGET/x"}}}`,
            before,
        );
        expect(ran.calls.map(({ headers }) => headers['idempotency-key'])).toEqual(
            [`${ran.id}:7`, `${ran.id}:7`, `${ran.id}:1.1`, `${ran.id}%3AZ%C3%BCrich%201`, `${ran.id}:a%20b`].map((sent) => [sent]),
        );
    });

    test('that no header can carry fail their items at once, and call nothing', async () => {
        const ran = await run(`${items('"\\ud83d"', '"x\\udc00"', '"ok"')},"key":"id","process":{"http":{"url":"TARGET/x"}}}`);
        expect(keysSent(ran)).toEqual(['ok']);
        for (const [index, key] of ['\\ud83d', 'x\\udc00'].entries())
            expect(ran.lines[index]).toMatch(
                new RegExp(`"key":"${key.replace('\\', '\\\\')}","attempts":1,.*"error":\\{"code":"LONE_SURROGATE",.*"retryable":false`),
            );
    });
});

describe('digits', () => {
    const numbers = ['1.10', '1e5', '1E-7', '9007199254740993', '0.1000000000000000055511151231257827', '1e400', '-0', '100.00'];

    test('of an item reach URL, body, item view and, through the answer, output and export', async () => {
        target.answer = `{"n":[${numbers.join()}],"o":{"__proto__":1.0}}`;
        const ran = await run(
            `${items(...numbers)},"process":{"http":{"url":"TARGET/{id}{?id,s}","vars":{"s":"to_string(id)"},"body":"[id,{a:id}]"}}}`,
        );
        for (const [index, digits] of numbers.entries()) {
            const sent = digits.replace('+', '%2B');
            expect(ran.calls[index]).toMatchObject({ url: `/${sent}?id=${sent}&s=${sent}`, body: `[${digits},{"a":${digits}}]` });
            expect(ran.lines[index]).toContain(`"output":${target.answer}}`);
            expect(ran.csv[index]).toContain(`,"${target.answer.replaceAll('"', '""')}",,`);
            expect(await ran.item(index)).toContain(`"item":{"id":${digits}},`);
        }
    });

    test('of an output that is one number stand in its cell', async () => {
        target.answer = '9007199254740993';
        expect((await run(`${items('1')},"process":{"http":{"url":"TARGET/x"}}}`)).csv[0]).toMatch(/,,,9007199254740993,,$/);
    });

    test('are what is digested, and keep two items apart', async () => {
        const all = [...numbers, '9007199254740992', '1.1', '100000', 'null', '0'];
        const ran = await run(`${items(...all)},"process":{"processor":"digest","options":{"of":"id"}}}`);
        const digests = ran.lines.map((line) => (JSON.parse(line) as { output: { digest: string } }).output.digest);
        expect(new Set(digests).size).toBe(all.length);
    });

    test('that a double cannot give back are not computed with: the item fails and says so', async () => {
        const ran = await run(
            `${items('9007199254740993', '1e400', '1.10', '2')},"process":{"http":{"url":"TARGET/x","body":"{big: id > \`1\`}"}}}`,
        );
        expect(ran.calls.map(({ body }) => body)).toEqual(['{"big":true}', '{"big":true}']);
        for (const line of ran.lines.slice(0, 2))
            expect(line).toMatch(/"attempts":1,.*"error":\{"code":"NUMBER_INEXACT".*"retryable":false/);
    });
});

describe('secrets', () => {
    const spec = (secret: string) =>
        `${items('1')},"process":{"http":{"url":"TARGET/x","headers":{"Authorization":{"secret":"${secret}"}}}}}`;
    const stored = async () => {
        let jobs = 0;
        for await (const { name } of store.container.listBlobsFlat({ prefix: 'jobs/' })) jobs += name.endsWith('spec.json') ? 1 : 0;
        return jobs;
    };
    const value = 'correct-horse "battery"';

    beforeEach(() => {
        Object.assign(process.env, {
            FANFOLD_SECRETS: 'TOKEN, TOKEN_LINE, TOKEN_BLANK, TOKEN_SHORT, TOKEN_SIGN',
            TOKEN: value,
            TOKEN_LINE: `${value}\n`,
            TOKEN_BLANK: `${value} `,
            TOKEN_SHORT: 'battery',
            TOKEN_SIGN: `${value}✓`,
        });
    });

    test.each(['TOKEN_LINE', 'TOKEN_BLANK', 'TOKEN_SHORT', 'TOKEN_SIGN', 'TOKEN_NONE'])(
        '%s is refused when posted, by its name and without its value',
        async (name) => {
            const before = await stored();
            const answer = await post(spec(name));
            expect(answer).toMatchObject({
                status: 400,
                json: { code: 'BAD_SPEC', errors: [{ pointer: '/process/http/headers/Authorization/secret' }] },
            });
            expect(answer.text).toContain(name);
            expect(answer.text).not.toContain('battery');
            expect(await stored()).toBe(before);
        },
    );

    test('reach the target, and nothing that is stored', async () => {
        target.answer = JSON.stringify({ echo: value, n: 0 }).replace('"n":0', '"n":1.10');
        const ran = await run(spec('TOKEN'));
        expect(ran.calls[0]!.headers.authorization).toEqual([value]);
        expect(ran.lines[0]).toContain('"redacted":true,"output":{"echo":"[redacted]","n":1.10}}');
        expect(ran.csv[0]).toContain('1.10');
        for await (const { name } of store.container.listBlobsFlat({ prefix: `jobs/${ran.id}/` }))
            expect([name, (await store.container.getBlobClient(name).downloadToBuffer()).includes('battery')]).toEqual([name, false]);
    });

    test('that have become unfit since fail the item by their name', async () => {
        const ran = await run(spec('TOKEN'), async () => void (process.env.TOKEN = `${value}\r\n`));
        expect(ran.calls).toEqual([]);
        expect(ran.lines[0]).toMatch(/"code":"SECRET_INVALID","message":"the value of the secret \\"TOKEN\\" ends in a line break"/);
        expect(ran.lines[0]).not.toContain('battery');
    });
});

test.each([
    ['two headers that differ in case only', '{"X-A":"1","x-a":"2"}', 'x-a'],
    ['a header that the app sets', '{"IDEMPOTENCY-key":"1"}', 'IDEMPOTENCY-key'],
    ['its counter', '{"fanfold-Attempt":"1"}', 'fanfold-Attempt'],
    ['what frames the body', '{"transfer-encoding":"chunked"}', 'transfer-encoding'],
    ['the host', '{"Host":"evil.example"}', 'Host'],
    ['a line break', '{"X":"a\\r\\nY: b"}', 'X'],
    ['the name __proto__', '{"__proto__":"1"}', '__proto__'],
])('%s: refused when posted', async (_what, headers, at) => {
    const answer = await post(`${items('1')},"process":{"http":{"url":"TARGET/x","headers":${headers}}}}`);
    expect(answer).toMatchObject({ status: 400, json: { errors: [{ pointer: `/process/http/headers/${at}` }] } });
});
