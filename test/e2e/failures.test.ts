// What a user sees of failed items: how many of which kind, one of each, and all of them by their fingerprint.
import type { ObservedTarget } from '../support/observedTarget';
import { api, body, expectConserved, observe, results, run, useHost, type Job } from './support';

useHost();

/** The item's key is its id: so many items of each kind. */
const items = (kinds: Record<string, number>) =>
    Object.entries(kinds).flatMap(([kind, count]) => Array.from({ length: count }, (_, i) => ({ id: `${kind}.${i}` })));
const kindOf = (key: unknown): string => String(key).split('.')[0]!;
const refusing = (target: ObservedTarget, given: { id: string }[], more: object = {}) => ({
    source: { items: given },
    process: { http: { method: 'GET', url: `${target.url}/cities/{id}{?from}`, vars: { from: "'x'" } } },
    key: 'id',
    retry: { attempts: 1 },
    ...more,
});
const sum = (groups: { count: number }[]): number => groups.reduce((all, { count }) => all + count, 0);

describe('a job whose items fail in several ways', () => {
    const answers: Record<string, [number, (id: string) => string]> = {
        fine: [200, () => '{"ok":true}'],
        gone: [410, (id) => `{"error":"the city \\"${id}\\" is gone since 2026-11-30T10:53:10.762Z","seen":"${id}"}`],
        unknown: [404, (id) => `no city ${id} at 10.0.0.1:80, ask ann+${id}@example.com`],
        misplaced: [404, (id) => `the city ${id} can't be there, see https://example.com/${id}?a=b`],
    };
    let target: ObservedTarget;
    let job: Job;
    beforeAll(async () => {
        target = await observe({
            latencyMs: 2,
            status: (key) => answers[kindOf(key)]![0],
            body: (key) => answers[kindOf(key)]![1](key.replace('.', '')),
        });
        const given = items({ fine: 40, gone: 25, unknown: 10, misplaced: 5 });
        // Of each kind some in every partition.
        const spread = given.map((_, i) => given[(i * 7) % given.length]!);
        job = await run(refusing(target, spread, { partition: { items: 16 }, concurrency: { max: 16 } }));
    });

    test('has a group for each, with its share and with what the messages have in common', async () => {
        expect(job).toMatchObject({ state: 'completed', outcome: 'partial', counts: { succeeded: 40, failed: 40 } });
        expect(job.failures.map(({ code, status, message, count, share }) => ({ code, status, message, count, share }))).toEqual([
            {
                code: 'HTTP_STATUS',
                status: 410,
                message: 'HTTP 410: {"error":"the city "…" is gone since #","seen":"…"}',
                count: 25,
                share: 0.625,
            },
            { code: 'HTTP_STATUS', status: 404, message: 'HTTP 404: no city # at <address>, ask <email>', count: 10, share: 0.25 },
            { code: 'HTTP_STATUS', status: 404, message: "HTTP 404: the city # can't be there, see <url>", count: 5, share: 0.125 },
        ]);
        expect(sum(job.failures)).toBe((await expectConserved(job)).filter(({ outcome }) => outcome === 'failed').length);
    });

    test('shows the first item of each, with the call as it was made and how it was answered', async () => {
        for (const { sample, firstAt, lastAt, fingerprint } of job.failures) {
            const all = await results(job.id, `?fingerprint=${fingerprint}`);
            const times = all.map(({ at }) => at).sort();
            expect([firstAt, lastAt]).toEqual([times[0], times.at(-1)]);
            const first = all.filter(({ at }) => at === firstAt).sort((a, b) => a.index - b.index)[0]!;
            const [status, answer] = answers[kindOf(first.key)]!;
            expect(sample).toMatchObject({
                ...{ index: first.index, key: first.key, at: firstAt, status, message: first.error!.message },
                ...{ request: `GET ${target.url}/cities/${String(first.key)}?from=x`, answer: answer(String(first.key).replace('.', '')) },
            });
            expect(await body(api(`/jobs/${job.id}/items/${first.index}`))).toMatchObject({ outcome: { request: sample.request } });
        }
    });

    test('lists exactly the items of each by its fingerprint', async () => {
        for (const { fingerprint, count } of job.failures) {
            const listed = await results(job.id, `?fingerprint=${fingerprint}&order=input`);
            const kind = kindOf(listed[0]!.key);
            expect(listed).toHaveLength(count);
            expect([...new Set(listed.map(({ key }) => kindOf(key)))]).toEqual([kind]);
            expect(listed).toEqual((await results(job.id, '?order=input')).filter(({ key }) => kindOf(key) === kind));
            const csv = await (await api(`/jobs/${job.id}/results?fingerprint=${fingerprint}&format=csv`)).text();
            expect(csv.trimEnd().split('\r\n')).toHaveLength(count + 1);
        }
    });

    test.each(['other', 'xyz', 'ABCDEF012345', `0123456789ab&outcome=succeeded`])('does not list by %s', async (query) => {
        const answer = await api(`/jobs/${job.id}/results?fingerprint=${query}`);
        expect(answer.status).toBe(400);
        expect(await body(answer)).toMatchObject({ code: 'BAD_PARAMETER', errors: [{ pointer: '/query/fingerprint' }] });
    });

    test('lists nothing by a fingerprint that no item has', async () => {
        expect(await results(job.id, '?fingerprint=000000000000')).toEqual([]);
    });
});

test('a job whose answers are not kept shows none in its samples', async () => {
    const target = await observe({ latencyMs: 2, status: 404, body: () => 'none here' });
    const job = await run(refusing(target, items({ lost: 3 }), { results: { keep: 'none' } }));
    expect(job.failures).toMatchObject([{ count: 3, share: 1, message: 'HTTP 404: none here' }]);
    expect(job.failures[0]!.sample).not.toHaveProperty('answer');
    expect(job.failures[0]!.sample.request).toMatch(/^GET http:/);
});

test('of thirty kinds the twenty most frequent are told one by one, the others in one, and the sum is that of the failed items', async () => {
    /** A word of letters alone: no id. */
    const word = (kind: number) => `${'bcdfgh'[Math.floor(kind / 5)]}${'aeiou'[kind % 5]}rn`;
    const kinds = Object.fromEntries(Array.from({ length: 30 }, (_, kind) => [word(kind), kind + 1]));
    const target = await observe({ latencyMs: 1, status: 404, body: (key) => `no ${kindOf(key)} here, number ${key.split('.')[1]}` });
    const given = items(kinds);
    const spread = given.map((_, i) => given[(i * 7) % given.length]!);
    const job = await run(refusing(target, spread, { partition: { items: 40 }, concurrency: { max: 64 } }));
    expect(job).toMatchObject({ state: 'completed', counts: { total: 465, failed: 465 } });
    const expected = Array.from({ length: 20 }, (_, i) => [`HTTP 404: no ${word(29 - i)} here, number #`, 30 - i]);
    expect(job.failures.map(({ message, count }) => [message, count])).toEqual([...expected, ['failures of other kinds', 55]]);
    expect(job.failures.at(-1)).toMatchObject({ fingerprint: 'other', code: 'OTHER', status: null, share: 0.1183 });
    expect(sum(job.failures)).toBe(465);
    expect(job.failures.reduce((all, { share }) => all + share, 0)).toBeCloseTo(1, 2);
    for (const { fingerprint, count } of job.failures.slice(0, 3))
        expect(await results(job.id, `?fingerprint=${fingerprint}`)).toHaveLength(count);
});
