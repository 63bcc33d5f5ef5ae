// How a job comes into being: keys, broken requests, large and strange ones; and what becomes of one whose orchestration is taken away.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Target } from '../../samples/target';
import { DEADLINE_MS, until } from '../support/until';
import { api, body, durableApi, ended, expectConserved, job, post, results, run, start, startTarget, useHost } from './support';

useHost();

let target: Target;
beforeAll(async () => {
    target = await startTarget({ latencyMs: 5 });
});

const digest = { processor: 'digest' };
const one = { source: { items: [{ id: 1 }] }, process: digest };

describe('an Idempotency-Key', () => {
    test('twelve times at once starts one job; the others are told to come again', async () => {
        const key = { 'idempotency-key': `at-once-${Date.now()}` };
        const answers = await Promise.all(Array.from({ length: 12 }, () => post('/jobs', one, key)));
        const ids = new Set<string>();
        for (const answer of answers) {
            const said = await body(answer);
            if (answer.status === 202) ids.add(said.id);
            else expect([answer.status, said.code, answer.headers.get('retry-after')]).toEqual([409, 'IDEMPOTENCY_IN_PROGRESS', '1']);
        }
        expect(ids.size).toBe(1);
        expect((await start(one, key)).id).toBe([...ids][0]);
    });

    test('quoted is the same as bare; with another body it is refused', async () => {
        const key = `quoted-${Date.now()}`;
        const first = await start(one, { 'idempotency-key': key });
        expect((await start(one, { 'idempotency-key': `"${key}"` })).id).toBe(first.id);
        const other = await post('/jobs', { ...one, name: 'other' }, { 'idempotency-key': key });
        expect([other.status, await body(other)]).toMatchObject([422, { code: 'IDEMPOTENCY_CONFLICT', jobId: first.id }]);
    });
});

describe('a request that could cost much', () => {
    const spec = (more: object) => JSON.stringify({ ...one, ...more });
    const tags = Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`t${i}`, 'x']));
    const deep = '['.repeat(5_000) + ']'.repeat(5_000);
    const empty = `[${'[],'.repeat(5_500_000)}[]]`;
    test.each<[string, string, string]>([
        [
            '16 MiB of empty arrays that have no key',
            `{"source":{"items":${empty}},"process":{"processor":"digest"},"key":"id"}`,
            '/source/items/0',
        ],
        ['a key that builds a long text', spec({ key: "length(pad_left('x', `100000000`))" }), '/key'],
        ['a key that doubles', spec({ key: Array.from({ length: 40 }, () => '[@,@]').join('|') }), '/source/items/0'],
        ['5,000 levels in an item', `{"source":{"items":[${deep}]},"process":{"processor":"digest"}}`, '/source/items/0'],
        [
            '5,000 levels in an option',
            `{"source":{"items":[1]},"process":{"processor":"digest","options":{"of":${deep}}}}`,
            `/process/options/of${'/0'.repeat(29)}`,
        ],
        ['60,000 tags', spec({ tags }), ''],
        ['60 tags', spec({ tags: Object.fromEntries(Object.entries(tags).slice(0, 60)) }), '/tags'],
        ['a tag that no object can hold', '{"tags":{"__proto__":"x"}}', '/tags/__proto__'],
        ['a field that stands twice', '{"source":{"items":[1]},"source":{"items":[2]},"process":{"processor":"digest"}}', '/source'],
        ['a number that no double is', spec({}).replace('{', '{"concurrency":{"max":9007199254740993},'), '/concurrency/max'],
    ])('%s is refused at once, with its place', async (_what, text, pointer) => {
        const began = Date.now();
        const answer = await post('/jobs', text);
        const said = await body(answer);
        expect([answer.status, said.code, said.errors?.[0]?.pointer]).toEqual([400, 'BAD_SPEC', pointer]);
        expect(Date.now() - began).toBeLessThan(DEADLINE_MS);
        expect(said.errors.length).toBeLessThanOrEqual(100);
    });

    test('a body that is not JSON is told by line and column, also within its items', async () => {
        const answer = await post('/jobs', '{"source":{"items":[\n{"id":1},\n{"id":}]}}');
        expect([answer.status, await body(answer)]).toMatchObject([400, { code: 'BAD_JSON', line: 3, column: 7 }]);
    });

    test('an expression that costs too much fails the item, not the process', async () => {
        const text = Array.from({ length: 40 }, () => '{a:@,b:@}').join('|');
        const j = await run({ ...one, process: { http: { url: `${target.url}/x`, body: text } } });
        expect(j).toMatchObject({ state: 'completed', counts: { failed: 1 }, failures: [{ code: 'BODY_EXPRESSION' }] });
        expect((await results(j.id))[0]!.error!.message).toMatch(/1000000 steps/);
    });
});

test('inline items reach their target as they were written: digits, names and texts', async () => {
    const bodies: string[] = [];
    const server = http.createServer((req, res) => {
        const chunks: Buffer[] = [];
        req.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
            bodies.push(Buffer.concat(chunks).toString());
            res.end('{}');
        });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
        const items = ['{"__proto__":{"a":1},"n":9007199254740993}', '1.10', '1e5', '1e400', '"\\u00e9 é  x"', '{"a":1,"a":2}'];
        const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`;
        const text = `{"source": {"items": [\n  ${items.join(',\n  ')}\n]}, "process": {"http": {"url": "${url}"}}}`;
        const answer = await post('/jobs', text);
        expect(answer.status).toBe(202);
        expect(await ended((await body(answer)).id)).toMatchObject({ state: 'completed', counts: { succeeded: items.length } });
        expect(bodies.sort()).toEqual(items.sort());
    } finally {
        server.close();
    }
});

describe('words that the API gave', () => {
    test('are taken for what they were given for, and nothing else', async () => {
        const jobs = [await run({ ...one, tags: { of: 'words' } }), await run(one)];
        const words = await Promise.all(jobs.map(async (j) => (await api(`/jobs/${j.id}/results`)).headers.get('x-fanfold-cursor')!));
        expect((await api(`/jobs/${jobs[0]!.id}/results?cursor=${words[0]}`)).status).toBe(200);
        const huge = Buffer.from('1.zzzzzzzz..').toString('base64url');
        for (const word of [words[1]!, huge, words[0]!.slice(1), 'AAAAAAAAAAAAAAA', '%00', '']) {
            const began = Date.now();
            const answer = await api(`/jobs/${jobs[0]!.id}/results?cursor=${word}`);
            expect([word, answer.status]).toEqual([word, 400]);
            expect(Date.now() - began).toBeLessThan(DEADLINE_MS);
        }
        const { next } = await body(api('/jobs?limit=1'));
        expect((await api(`/jobs?limit=1&continuation=${next}`)).status).toBe(200);
        for (const word of [words[0]!, `${next}A`, next.slice(2), 'W10', 'x', ''])
            expect([word, (await api(`/jobs?continuation=${word}`)).status]).toEqual([word, 400]);
    });
});

test('a job whose orchestration was terminated from outside goes on when it is looked at, and ends whole', async () => {
    const slow = await startTarget({ latencyMs: 300 });
    const items = Array.from({ length: 60 }, (_, id) => ({ id }));
    const j = await start({
        source: { items },
        process: { http: { url: `${slow.url}/x` } },
        concurrency: { max: 4 },
        partition: { items: 10 },
    });
    await until(
        async () => (await job(j.id)).counts.succeeded > 0,
        () => 'nothing was called',
    );
    expect((await durableApi(`/instances/${j.id}/terminate?reason=test`, { method: 'POST' })).status).toBe(202);
    const last = await ended(j.id);
    expect(last).toMatchObject({ state: 'completed', counts: { total: 60, succeeded: 60 } });
    await expectConserved(last);
});
