// What is left of a job after its canary: how many calls, and how long. Whole jobs in simulated time say whether the truth lies between the two times.
import { CallCounter, noCalls } from '../../../src/core/callStats';
import { compileWindows } from '../../../src/core/callingWindows';
import { noCounts } from '../../../src/core/counts';
import { durationMs } from '../../../src/core/duration';
import { estimateRest, type EstimateAsked } from '../../../src/core/estimate';
import { parseRate, strictest, type Rate } from '../../../src/core/limiter/rate';
import { retryPolicy } from '../../../src/core/retry';
import { dice } from '../../support/dice';
import { fine, JobBench, status, type Answer, type MadeCall } from '../../support/jobBench';
import { runs } from '../../support/runs';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const DAY = 24 * HOUR;
/** A Monday, 00:00 UTC. */
const MONDAY = Date.UTC(2026, 10, 30);
const retry = { attempts: 5, initialDelay: 'PT1S', maxDelay: 'PT10M', factor: 2 };

const callsOf = (latencies: number[]) => {
    const counter = new CallCounter();
    for (const ms of latencies) counter.add(ms, 200);
    return counter.stats;
};
const rates = (...texts: string[]): Rate[] => strictest(texts.map((text) => parseRate(text)!));
const hundred = (ms: number, slow = ms): number[] => Array.from({ length: 100 }, (_, i) => (i < 90 ? ms : slow));

/** After a canary of a hundred items that were all well. */
const asked = (change: Partial<EstimateAsked> = {}, found: Partial<EstimateAsked['findings']> = {}): EstimateAsked => ({
    findings: { items: 100, counts: { ...noCounts(), succeeded: 100 }, calls: callsOf(hundred(100)), seconds: 2, ...found },
    total: 350_100,
    concurrency: { max: 64, adaptive: false },
    retry: retryPolicy(retry),
    ...{ rates: [], limiter: null, windows: null, deadline: null, now: MONDAY },
    ...change,
});
const estimate = (...args: Parameters<typeof asked>) => {
    const found = estimateRest(asked(...args));
    if (!found) throw new Error('nobody can say');
    return { ...found, earliest: durationMs(found.duration.earliest), latest: durationMs(found.duration.latest) };
};

test('a canary of first calls may have been slower than the rest, and no job is too small to be over at once', () => {
    // Eight calls at eight places, against eighty.
    const of = (calls: number) =>
        estimate(
            { concurrency: { max: 8, adaptive: false }, total: calls + 8_000 },
            { items: calls, counts: { ...noCounts(), succeeded: calls }, calls: callsOf(Array<number>(calls).fill(80)), seconds: 1 },
        );
    expect(of(80).earliest / of(8).earliest).toBeCloseTo(2, 0);
    expect(estimate({ total: 101 }).earliest).toBe(0);
});

describe('the reason', () => {
    const cases: [string, Parameters<typeof asked>, RegExp][] = [
        [
            'calls at once',
            [{}, { calls: callsOf(hundred(120, 900)) }],
            /^350,000 calls, 64 at once of 1[12]\d ms \(p50\) to 8[5-9]\d|9\d\d ms \(p95\)/,
        ],
        ['a rate', [{ rates: rates('50/s') }], /^350,000 calls, at most 50 a second \(rate 50\/s\)$/],
        ['a rate that is counted', [{ rates: rates('10000/day') }], /^350,000 calls, at most 0.12 a second \(rate 10000\/day\)$/],
        [
            'a limiter that others share',
            [{ limiter: { name: 'api.example.com:443', perSecond: 20, jobs: 3 } }],
            /^350,000 calls, at most 20 a second \(limiter api\.example\.com:443\), shared by 3 jobs$/,
        ],
        [
            'windows',
            [{ windows: compileWindows({ windows: ['01:00-01:30'], timeZone: 'UTC' }) }],
            /, in its calling windows, which open at 2026-11-30T01:00:00.000Z$/,
        ],
        ['open windows', [{ windows: compileWindows({ windows: ['00:00-00:05'], timeZone: 'UTC' }) }], /, in its calling windows$/],
        ['a deadline that is too early', [{ rates: rates('50/s'), deadline: MONDAY + HOUR }], /; the deadline comes before that$/],
        [
            'a deadline that may be',
            [{ deadline: MONDAY + 600 * SECOND }],
            /; the deadline, 2026-11-30T00:10:00.000Z, may come before that$/,
        ],
        [
            'retries',
            [{ total: 200, retry: retryPolicy({ ...retry, initialDelay: 'P1D', maxDelay: 'P1D' }) }],
            /, retries that may wait for P[34]D in all$/,
        ],
        ['few calls seen', [{ concurrency: { max: 512, adaptive: true } }], /, 29 to 512 at once of /],
        ['one call', [{ total: 101 }], /^1 call, 1 at once of /],
        ['no calls of a target', [{}, { calls: noCalls() }], /^350,000 calls, at the canary's 50 a second$/],
        ['nothing measured', [{}, { calls: noCalls(), seconds: 0 }], /^350,000 calls, at once, retries that may wait for PT15S in all$/],
    ];
    test.each(cases)('names %s', (_what, args, reason) => {
        expect(estimate(...args).reason).toMatch(reason);
    });
});

test('as many attempts an item are made as the canary took, and no item is left out', () => {
    const counts = { ...noCounts(), succeeded: 90, failed: 10, retries: 33 };
    expect(estimate({ total: 1_100 }, { counts }).calls).toBe(1_330);
    expect(estimate({ total: 101 }, { counts }).calls).toBe(2);
    expect(estimate({ total: 1_100 }, { counts: noCounts() }).calls).toBe(1_000);
    expect(estimateRest(asked({ total: 100 }))).toEqual({
        calls: 0,
        duration: { earliest: 'PT0S', latest: 'PT0S' },
        reason: 'the canary holds every item',
    });
});

test('windows that never open leave nothing to be said', () => {
    const never = { isOpen: () => false, opensAt: () => Infinity, closesAt: (at: number) => at };
    expect(estimateRest(asked({ windows: never }))).toBeNull();
    // The wall shows 02:30 on no night on which a clock goes forward; every other night it does.
    const short = compileWindows({ windows: ['Sun 02:30-02:31'], timeZone: 'Europe/Paris' });
    expect(estimate({ windows: short, total: 101 }).latest).toBeLessThan(8 * DAY);
    expect(estimateRest(asked({ rates: [{ n: 1, perMs: 31 * DAY }], total: 1e9 }))).toBeNull();
});

test('windows stretch the time on the wall, over as many nights as it takes', () => {
    // Seven hours of calls, in two hours a night.
    const nights = compileWindows({ windows: ['02:00-04:00'], timeZone: 'UTC' });
    const open = estimate({ rates: rates('14/s') });
    const { earliest, latest } = estimate({ rates: rates('14/s'), windows: nights });
    expect(open.earliest / HOUR).toBeCloseTo(6.9, 1);
    expect([earliest / DAY, latest / DAY].map(Math.floor)).toEqual([3, 4]);
    // Beyond a year nobody walks every night: it goes on as it went.
    const years = estimate({ rates: rates('14/s'), windows: nights, total: 100_000_000 });
    expect(years.earliest / DAY).toBeGreaterThan(900);
    expect(years.latest / years.earliest).toBeLessThan(1.5);
});

test('of a day’s calls there are as many in a night as the day has, and no more', () => {
    const nights = compileWindows({ windows: ['02:00-04:00'], timeZone: 'UTC' });
    const saturdays = compileWindows({ windows: ['Sat'], timeZone: 'UTC' });
    const ten = { rates: rates('10000/day'), total: 100_100 };
    expect(Math.floor(estimate(ten).earliest / DAY)).toBe(9);
    expect(Math.floor(estimate({ ...ten, windows: nights }).earliest / DAY)).toBe(9);
    expect(Math.floor(estimate({ ...ten, windows: nights }).latest / DAY)).toBeLessThan(16);
    // Of a Saturday, twice a day's at most: once when it begins, and once while it lasts.
    expect(estimate({ ...ten, windows: saturdays }).earliest / DAY).toBeGreaterThan(4 * 7);
    expect(estimate({ ...ten, windows: saturdays }).latest / DAY).toBeLessThan(12 * 7);
});

test('whatever was measured and whatever is in force, it is finite, in order, and never less for more items', () => {
    let said = 0;
    for (let seed = 1; seed <= runs(150); seed++) {
        const chance = dice(seed);
        const pick = <T>(...from: T[]): T => from[Math.floor(chance() * from.length)]!;
        const upTo = (most: number) => Math.floor(chance() ** 3 * most);
        const items = 1 + upTo(10_000);
        const failed = upTo(items + 1);
        const counts = { ...noCounts(), succeeded: items - failed, failed, retries: pick(0, upTo(5 * items)) };
        const question = asked(
            {
                concurrency: { max: 1 + upTo(512), adaptive: chance() < 0.5 },
                retry: { attempts: 1 + upTo(20), initialDelayMs: upTo(7 * DAY), maxDelayMs: upTo(30 * DAY), factor: 1 + chance() * 9 },
                rates: pick<Rate[]>([], rates('50/s'), rates('1/31day'), rates('20/min', '1000/h'), rates('5/s', '10/10s', '1000000/day')),
                limiter: pick(null, { name: 'x', perSecond: pick(null, 0.01, 1_000), jobs: 1 + upTo(20) }),
                windows: pick(
                    null,
                    null,
                    compileWindows({ windows: pick(['Sat'], ['Mon-Sun'], ['01:00-01:01', 'Tue 05:00-09:00']), timeZone: 'Europe/Paris' }),
                ),
                deadline: pick(null, MONDAY + upTo(400 * DAY)),
                now: MONDAY + upTo(7 * DAY),
            },
            {
                items,
                counts,
                calls: callsOf(Array.from({ length: pick(0, 1, 50) }, () => upTo(pick(10, 600_000)))),
                seconds: pick(0, chance(), upTo(DAY)),
            },
        );
        let before = { earliest: 0, latest: 0, calls: 0 };
        for (const more of [0, 1, 2, 63, 64, 65, 1_000, 1_001, 350_000, 1e7, 1e9]) {
            const found = estimateRest({ ...question, total: items + more });
            if (!found) {
                // Nobody can say of more what nobody can say of less.
                before = { earliest: Infinity, latest: Infinity, calls: 0 };
                continue;
            }
            said++;
            const now = { earliest: durationMs(found.duration.earliest), latest: durationMs(found.duration.latest), calls: found.calls };
            const isRight =
                Number.isSafeInteger(now.calls) &&
                now.calls >= more &&
                Number.isFinite(now.latest) &&
                now.earliest <= now.latest &&
                now.earliest >= before.earliest &&
                now.latest >= before.latest &&
                now.calls >= before.calls &&
                !/NaN|Infinity|undefined/.test(found.reason);
            if (!isRight) throw new Error(JSON.stringify({ seed, more, before, now, found, question }));
            before = now;
        }
    }
    expect(said).toBeGreaterThan(runs(800));
});

describe('the truth lies between', () => {
    /** Every call takes so long; each by its own luck, which is the same in every run. */
    const spread = (from: number, to: number, slow = to): ((call: MadeCall) => Answer) => {
        return ({ index, attempt }) => {
            const luck = dice(index * 31 + attempt)();
            return fine(Math.round(luck > 0.95 ? slow : from + (to - from) * luck));
        };
    };
    const sometimes = (share: number, answer: (call: MadeCall) => Answer): ((call: MadeCall) => Answer) => {
        return (call) => (dice(call.index * 17 + call.attempt)() < share ? status(500, { ms: 40 }) : answer(call));
    };
    const flat = { adaptive: false };
    const jobs: { name: string; canary: number; items: number; max: number; spec?: object; answer: (call: MadeCall) => Answer }[] = [
        { name: 'quick calls', canary: 50, items: 2_000, max: 16, answer: spread(20, 60) },
        { name: 'slow calls, and a few that are slower', canary: 50, items: 600, max: 32, answer: spread(500, 1_500, 12_000) },
        {
            name: 'adaptive concurrency',
            canary: 50,
            items: 2_000,
            max: 64,
            spec: { concurrency: { max: 64, adaptive: true } },
            answer: spread(80, 160),
        },
        { name: 'a rate', canary: 20, items: 900, max: 16, spec: { rate: '20/s' }, answer: spread(30, 60) },
        { name: 'retries of a fifth', canary: 100, items: 2_000, max: 16, answer: sometimes(0.2, spread(50, 100)) },
        {
            name: 'long waits for retries',
            canary: 100,
            items: 600,
            max: 32,
            spec: { retry: { ...retry, initialDelay: 'PT20S' } },
            answer: sometimes(0.1, spread(50, 100)),
        },
        { name: 'fewer items than calls at once', canary: 10, items: 20, max: 32, answer: spread(4_000, 9_000) },
        { name: 'a call at a time', canary: 10, items: 100, max: 1, answer: spread(100, 400) },
    ];

    test.each(jobs)('of a job with $name', async ({ canary, items, max, spec = {}, answer }) => {
        const shape = { ...{ max, spec: { retry, ...spec } } };
        const first = new JobBench({ ...shape, partitions: 1, items: canary });
        first.answer = answer;
        first.start();
        await first.ended();
        const rest = new JobBench({ ...shape, partitions: Math.ceil(items / 100), items: Math.min(100, items) });
        rest.answer = answer;
        rest.start();
        await rest.ended();

        const {
            concurrency = { max, ...flat },
            retry: policy,
            rate,
        } = { retry, ...spec } as {
            concurrency?: EstimateAsked['concurrency'];
            retry: typeof retry;
            rate?: string;
        };
        const found = estimateRest({
            findings: {
                items: canary,
                counts: first.ledger.counts,
                calls: first.ledger.calls,
                seconds: (first.now - first.calls[0]!.at) / SECOND,
            },
            total: canary + items,
            ...{ concurrency, retry: retryPolicy(policy), rates: rate ? rates(rate) : [] },
            ...{ limiter: null, windows: null, deadline: null, now: MONDAY },
        })!;
        const took = rest.now - rest.calls[0]!.at;
        const [earliest, latest] = [durationMs(found.duration.earliest), durationMs(found.duration.latest)];
        expect({ took, ...found, fits: earliest <= Math.ceil(took / SECOND) * SECOND && took <= latest }).toMatchObject({ fits: true });
        expect(Math.abs(found.calls / rest.calls.length - 1)).toBeLessThan(0.25);
    });
});
