// Targets that refuse calls, at which nobody has set a rate: a minute of each, all at the same time, as each has a limiter of its own.
import type { Target, TargetOptions } from '../../samples/target';
import { refusals } from '../support/refusals';
import { until } from '../support/until';
import { expectConserved, job, move, past, start, startTarget, useHost, type Job } from './support';

useHost();

type Limit = NonNullable<TargetOptions['limits']>[number];

/** Of the first seconds nothing is asked: the limit is found in them. In ms. */
const FOUND_MS = 15_000;
const MINUTE_MS = 60_000;

interface Running {
    target: Target;
    id: string;
    /** When the first call came, in ms. */
    first: number;
}

/** Starts a job of so many items at a target with this limit, and waits for its first call. */
async function begin(limit: Limit, items: number): Promise<Running> {
    const target = await startTarget({ latencyMs: 30, limits: [limit], record: true });
    const { id } = await start({
        source: { items: Array.from({ length: items }, (_, i) => ({ id: i })) },
        ...{ process: { http: { url: `${target.url}/x` } }, key: 'id', retry: { attempts: 2 } },
    });
    const first = await until(
        () => target.stats().calls[0]?.at,
        () => `job ${id} makes no call`,
    );
    return { target, id, first };
}

const bucket: Limit = { kind: 'bucket', perSecond: 60, burst: 20 };
const kinds = {
    says: () => begin({ ...bucket, retryAfter: 5 }, 9_000),
    silent: () => begin({ ...bucket, retryAfter: 'none' }, 9_000),
    hints: () => begin({ kind: 'window', calls: 600, perMs: MINUTE_MS, retryAfter: false, headers: 'x-ratelimit' }, 3_000),
    hundred: () => begin({ kind: 'window', calls: 100, perMs: 10_000, retryAfter: true }, 350),
};

let running: Record<keyof typeof kinds, Running>;
/** What the job of 350 items waited for, as its status said it. */
const waits: (NonNullable<Job['waiting']> & { gate: unknown })[] = [];
let end: Job;
beforeAll(async () => {
    const [says, silent, hints, hundred] = await Promise.all([kinds.says(), kinds.silent(), kinds.hints(), kinds.hundred()]);
    running = { says, silent, hints, hundred };
    // Followed while the others run.
    await until(
        async () => {
            end = await job(hundred.id);
            if (end.waiting) waits.push({ ...end.waiting, gate: end.limiter.gate });
            return end.ended;
        },
        () => `the job of 350 items has not ended: ${JSON.stringify(end)}`,
        MINUTE_MS * 2,
    );
    await past(Math.max(...Object.values(running).map(({ first }) => first)) + MINUTE_MS);
    for (const { id } of Object.values(running)) await move(id, 'cancel');
});

/** Of what came after the limit had been found, in a minute from the first call. */
const minuteOf = ({ target, first }: Running) => refusals(target, first + FOUND_MS, first + MINUTE_MS);

test('a token bucket that asks for pauses of five seconds is used, and refuses few calls', () => {
    const { used, refused } = minuteOf(running.says);
    expect(used).toBeGreaterThanOrEqual(0.75);
    expect(refused).toBeLessThanOrEqual(0.08);
});

test('a token bucket that says nothing is used, and refuses few calls', () => {
    const { used, refused } = minuteOf(running.silent);
    expect(used).toBeGreaterThanOrEqual(0.75);
    expect(refused).toBeLessThanOrEqual(0.08);
});

test('a window whose headers say what is left is used to its end, and refuses next to nothing', () => {
    const { target } = running.hints;
    const { used, refused } = refusals(target, target.began, target.began + MINUTE_MS);
    expect(used).toBeGreaterThanOrEqual(0.85);
    expect(refused).toBeLessThanOrEqual(0.08);
});

test('a hundred calls in ten seconds: two attempts are enough for every item, for a refusal uses up none', async () => {
    expect(end).toMatchObject({ state: 'completed', outcome: 'succeeded', counts: { succeeded: 350, failed: 0, retries: 0 } });
    const { target } = running.hundred;
    const outcomes = await expectConserved(end);
    expect(outcomes.every(({ attempts }) => attempts === 1)).toBe(true);
    // A call of the first attempt that was refused is one more that the target has seen: its item's line says how many there were, and how long it waited.
    const { perKey, throttled } = target.stats();
    expect(throttled).toBeGreaterThan(0);
    expect(outcomes.reduce((sum, { throttled = 0 }) => sum + throttled, 0)).toBe(throttled);
    for (const { key, throttled, waitedMs } of outcomes) {
        const times = perKey[`${end.id}:${key}`]!.calls - 1;
        expect([key, throttled, waitedMs]).toEqual([key, times || undefined, times ? expect.any(Number) : undefined]);
    }
});

test('a hundred calls in ten seconds: after the first window one call in twenty is refused at most', () => {
    const { target, first } = running.hundred;
    const late = target.stats().calls.filter(({ at }) => at >= first + 10_000);
    const refused = late.filter(({ status }) => status === 429).length;
    expect(refused / late.length).toBeLessThanOrEqual(0.05);
});

test('the status of a job whose target has asked for a pause says until when', () => {
    const closed = waits.filter(({ code }) => code === 'GATE_CLOSED');
    expect(closed.length).toBeGreaterThan(0);
    expect(closed.every(({ until: at }) => at !== null)).toBe(true);
    // Closed for all processes: it stands in the register.
    expect(closed.some(({ gate }) => gate === 'closed')).toBe(true);
});
