// The sample target over HTTP: its limits, and each way of being away. What it may admit is in test/unit/target.
import { startTarget, type Target, type TargetOptions } from '../../samples/target';
import { freePorts } from '../support/ports';
import { until } from '../support/until';

const started: Target[] = [];
const start = async (options: TargetOptions = {}): Promise<Target> => {
    // One that no other worker takes while the target is away from it.
    const [port] = await freePorts(1);
    const target = await startTarget({ port, latencyMs: 0, ...options });
    started.push(target);
    return target;
};
afterEach(() => Promise.all(started.splice(0).map((target) => target.stop())));

/** A call for an item: its answer, or the code of what became of it. */
const call = async (target: Target, key = 'a', attempt = 1, job = 'job'): Promise<Response | string> => {
    const headers = { 'idempotency-key': `${job}:${key}`, 'fanfold-attempt': String(attempt) };
    try {
        return await fetch(`${target.url}/x`, { method: 'POST', body: '{}', headers });
    } catch (error) {
        return String(((error as Error).cause as NodeJS.ErrnoException).code);
    }
};
const statusOf = async (made: Promise<Response | string>): Promise<number | string> => {
    const came = await made;
    return typeof came === 'string' ? came : came.status;
};
const control = (target: Target, change: unknown) => fetch(`${target.url}/control`, { method: 'POST', body: JSON.stringify(change) });
const lastOutage = (target: Target) => target.stats().outages.at(-1)!;
const isBack = (target: Target) =>
    until(
        () => lastOutage(target)?.to,
        () => 'the target is not back',
    );
/** Cut by this side; which of the two it is called hangs on whether the call had been read. */
const CUT = /^(UND_ERR_SOCKET|ECONNRESET)$/;

describe('limits', () => {
    // Of a bucket that fills so slowly none comes back while the test runs.
    const slow = { kind: 'bucket', perSecond: 0.001, burst: 5 } as const;

    test('admit what they may of many calls at once, and say so with every answer', async () => {
        const target = await start({ limits: [{ ...slow, headers: 'x-ratelimit', retryAfter: 9 }] });
        const answers = (await Promise.all(Array.from({ length: 12 }, (_, i) => call(target, `k${i}`)))) as Response[];
        const [accepted, throttled] = [200, 429].map((status) => answers.filter((answer) => answer.status === status));
        expect([accepted!.length, throttled!.length]).toEqual([5, 7]);
        expect(accepted!.map((answer) => answer.headers.get('x-ratelimit-remaining')).sort()).toEqual(['0', '1', '2', '3', '4']);
        for (const { headers } of throttled!)
            expect([headers.get('retry-after'), headers.get('x-ratelimit-remaining')]).toEqual(['9', '0']);
        expect(target.stats()).toMatchObject({ requests: 12, throttled: 7, statuses: { 200: 5, 429: 7 } });
        expect(target.capacity()).toBe(5);
    });

    test('speak with failures too', async () => {
        const target = await start({ limits: [{ ...slow, headers: 'ratelimit' }], rate500: 1 });
        const answer = (await call(target)) as Response;
        expect([answer.status, answer.headers.get('ratelimit')]).toEqual([500, '"default";r=4;t=1000']);
    });

    test('can be changed while it runs, from here and from outside', async () => {
        const target = await start({ limits: [{ ...slow, burst: 1 }] });
        expect([await statusOf(call(target)), await statusOf(call(target))]).toEqual([200, 429]);
        target.setLimits([]);
        expect(await statusOf(call(target))).toBe(200);
        expect((await control(target, { limits: [{ kind: 'window', calls: 1, perMs: 3_600_000, retryAfter: true }] })).status).toBe(200);
        expect([await statusOf(call(target)), await statusOf(call(target))]).toEqual([200, 429]);
    });
});

describe('a target that is away', () => {
    test('refuses connections, cuts those that it had, and is back on the same port', async () => {
        const target = await start({ latencyMs: 600_000 });
        const cut = statusOf(call(target));
        await until(() => target.stats().inFlight === 1);
        await target.goAway({ how: 'refuse' });
        expect(await cut).toMatch(CUT);
        expect(await statusOf(call(target))).toBe('ECONNREFUSED');
        target.setLatency(0);
        await target.comeBack();
        expect(await statusOf(call(target))).toBe(200);
        await until(() => target.stats().inFlight === 0);
        const { perSecond, ...stats } = target.stats();
        expect(stats).toMatchObject({ requests: 2, unanswered: 1, outages: [{ how: 'refuse', calls: 0, connections: 0 }] });
        expect(perSecond.reduce((sum, second) => sum + second.refused, 0)).toBe(1);
    });

    test('comes back by itself, when it went away from outside too', async () => {
        const target = await start();
        expect((await control(target, { away: { how: 'refuse', forMs: 100 } })).status).toBe(200);
        await isBack(target);
        expect(await statusOf(call(target))).toBe(200);
        const { from, to } = lastOutage(target);
        expect(to! - from).toBeGreaterThanOrEqual(99); // timers count from the loop's time, which may be a little behind
    });

    test('hangs: takes calls, answers none, and cuts them at the end', async () => {
        const target = await start();
        await target.goAway({ how: 'hang' });
        const [one, other] = [statusOf(call(target)), statusOf(call(target))];
        await until(() => lastOutage(target).calls === 2);
        expect(target.stats()).toMatchObject({ inFlight: 2, statuses: {} });
        expect(lastOutage(target).connections).toBeGreaterThanOrEqual(2);
        // It can still be asked, and told to come back.
        const seen = (await (await fetch(`${target.url}/stats`)).json()) as object;
        expect(seen).toMatchObject({ inFlight: 2 });
        expect((await control(target, { away: null })).status).toBe(200);
        expect(await one).toMatch(CUT);
        expect(await other).toMatch(CUT);
        expect(await statusOf(call(target))).toBe(200);
        await until(() => target.stats().unanswered === 2);
        expect(target.stats().statuses).toEqual({ 200: 1 });
    });

    test('hangs with what it was working on, too', async () => {
        const target = await start({ latency: { kind: 'queue', threads: 1, baseMs: 50 } });
        const made = statusOf(call(target));
        await until(() => target.stats().inFlight === 1);
        await target.goAway({ how: 'hang', forMs: 200 });
        expect(await made).toMatch(CUT);
        await until(() => target.stats().unanswered === 1);
        expect(target.stats().statuses).toEqual({});
    });

    test.each(['503', '500'] as const)('answers %s at once', async (how) => {
        const target = await start({ latencyMs: 600_000, limits: [{ kind: 'window', calls: 1, perMs: 3_600_000, retryAfter: true }] });
        await target.goAway({ how });
        expect(await Promise.all([statusOf(call(target)), statusOf(call(target))])).toEqual([Number(how), Number(how)]);
        await target.comeBack();
        target.setLatency(0);
        // No limit was used up by it.
        expect(await statusOf(call(target))).toBe(200);
        expect(lastOutage(target)).toMatchObject({ how, calls: 2 });
    });

    test('resets the connection of each call', async () => {
        const target = await start();
        await target.goAway({ how: 'reset' });
        expect([await statusOf(call(target)), await statusOf(call(target))]).toEqual(['ECONNRESET', 'ECONNRESET']);
        await target.comeBack();
        expect(await statusOf(call(target))).toBe(200);
        expect(lastOutage(target)).toMatchObject({ calls: 2 });
    });

    test('goes by its plan', async () => {
        const outages = [
            { how: '503', fromMs: 0, toMs: 50 },
            { how: 'refuse', fromMs: 100, toMs: 200 },
        ] as const;
        const target = await start({ outages: [...outages], limits: [{ kind: 'bucket', perSecond: 10, burst: 1 }] });
        await until(() => target.stats().outages[1]?.to);
        const seen = target.stats().outages;
        expect(seen.map(({ how }) => how)).toEqual(['503', 'refuse']);
        expect(seen[0]!.to).toBeLessThanOrEqual(seen[1]!.from);
        expect(await statusOf(call(target))).toBe(200);
        // Nothing could be accepted meanwhile.
        expect(target.capacity(seen[1]!.from, seen[1]!.to!)).toBe(0);
    });

    test('can be stopped, and a stopped one does not come back', async () => {
        const target = await start();
        await target.goAway({ how: 'refuse', forMs: 20 });
        await target.stop();
        await target.comeBack();
        expect(await statusOf(call(target))).toBe('ECONNREFUSED');
        expect(lastOutage(target).to).toBeNull();
    });

    test('is in one outage at a time', async () => {
        const target = await start();
        await target.goAway({ how: 'refuse' });
        await target.goAway({ how: '503' });
        expect(await statusOf(call(target))).toBe(503);
        expect(target.stats().outages.map(({ how, to }) => [how, to === null])).toEqual([
            ['refuse', false],
            ['503', true],
        ]);
    });
});

describe('bad items', () => {
    const keys = Array.from({ length: 400 }, (_, i) => `item-${i}`);

    test('fail at each attempt, in each job, and no others do', async () => {
        const target = await start({ badShare: 0.1 });
        const bad = keys.filter((key) => target.isBad(key));
        expect(bad.length / keys.length).toBeCloseTo(0.1, 1);
        const good = keys.filter((key) => !target.isBad(key));
        for (const key of [bad[0]!, bad[1]!, good[0]!])
            for (const attempt of [1, 2])
                for (const job of ['one', 'two'])
                    expect(await statusOf(call(target, key, attempt, job))).toBe(target.isBad(key) ? 500 : 200);
    });

    test.each([
        [422, 422],
        ['reset', 'ECONNRESET'],
    ] as const)('meet %s', async (badStatus, expected) => {
        expect(await statusOf(call(await start({ badShare: 1, badStatus })))).toBe(expected);
    });

    test('hang until their callers leave', async () => {
        const target = await start({ badShare: 1, badStatus: 'hang' });
        const leave = new AbortController();
        const made = fetch(target.url, { signal: leave.signal }).catch((error: Error) => error.name);
        await until(() => target.stats().inFlight === 1);
        leave.abort();
        expect(await made).toBe('AbortError');
        await until(() => target.stats().unanswered === 1);
    });
});

test('a queue of one thread answers one call after the other', async () => {
    const target = await start({ latency: { kind: 'queue', threads: 1, baseMs: 40 } });
    const began = performance.now();
    const ended = await Promise.all(['a', 'b', 'c'].map((key) => statusOf(call(target, key)).then(() => performance.now() - began)));
    expect(Math.max(...ended)).toBeGreaterThanOrEqual(118); // a timer may be a millisecond early
    expect(target.stats().maxInFlight).toBe(3);
});

test('what was called is told by second and, if asked for, by call', async () => {
    const target = await start({ record: true, limits: [{ kind: 'window', calls: 2, perMs: 3_600_000, retryAfter: false }] });
    for (const key of ['a', 'a', 'b']) await call(target, key, 2);
    const stats = target.stats();
    expect(stats.calls.map(({ key, attempt, status }) => [key, attempt, status])).toEqual([
        ['a', 2, 200],
        ['a', 2, 200],
        ['b', 2, 429],
    ]);
    for (const { at } of stats.calls) expect(at).toBeGreaterThanOrEqual(target.began);
    const sum = (what: 'accepted' | 'throttled') => stats.perSecond.reduce((all, second) => all + second[what], 0);
    expect([sum('accepted'), sum('throttled')]).toEqual([2, 1]);
    expect(stats).toMatchObject({ keys: 2, maxCallsPerKey: 2, keysSucceededTwice: 1, perKey: { 'job:a': { calls: 2, succeeded: 2 } } });
    const over = async (route: string) => (await fetch(target.url + route)).json();
    expect(await over('/stats/calls')).toEqual(stats.calls);
    expect(((await over('/stats/seconds')) as object[]).length).toBeGreaterThanOrEqual(stats.perSecond.length);
    const cheap = (await over('/stats')) as object;
    expect(cheap).toMatchObject({ requests: 3, throttled: 1 });
    for (const field of ['perKey', 'perSecond', 'calls']) expect(cheap).not.toHaveProperty(field);
    expect((await start()).stats().calls).toEqual([]);
});

test.each([
    ['{', 'JSON'],
    ['{"away": {"how": "refuse"}}', 'away.forMs: needed with "refuse"'],
    ['{"limits": [{"kind": "bucket"}]}', 'limits[0].perSecond'],
])('control refuses %s, and changes nothing', async (body, message) => {
    const target = await start();
    const answer = await fetch(`${target.url}/control`, { method: 'POST', body });
    expect([answer.status, ((await answer.json()) as { error: string }).error]).toEqual([400, expect.stringContaining(message)]);
    expect(target.stats()).toMatchObject({ requests: 0, outages: [] });
});

test('a target that cannot be is refused by what is wrong with it', async () => {
    await expect(start({ limits: [{ kind: 'bucket', perSecond: 1, burst: 0 }] })).rejects.toThrow('limits[0].burst: ');
    const target = await start();
    await expect(target.goAway({ how: 'refuse', forMs: -1 })).rejects.toThrow('forMs: ');
    expect(() => target.setLimits([{ kind: 'window', calls: 0, perMs: 1, retryAfter: true }])).toThrow('limits[0].calls: ');
});
