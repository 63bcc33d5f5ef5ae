// npm run soak -- --limits [--minutes 10] [--only WORDS]: targets that refuse calls, over HTTP and in real time. Prints what was used of each, and how much it refused.
import { show } from '../../bench/table';
import { startTarget, type Target, type TargetOptions } from '../../samples/target';
import { startHost, type RunningHost } from '../support/host';
import { refusals, type Refusals } from '../support/refusals';
import { until } from '../support/until';
import { clientOf, startJob } from './support';

type Limit = NonNullable<TargetOptions['limits']>[number];
type Bucket = Extract<Limit, { kind: 'bucket' }>;
type Window = Extract<Limit, { kind: 'window' }>;

interface Setting {
    name: string;
    limit: Bucket | Window;
    /** Calls a second at most, at any time. */
    perSecond: number;
    /** At least so much is to be used, and at most so much refused, in ten minutes and more; absent: whatever comes. */
    bounds?: { used: number; refused: number };
}

export interface LimitsOptions {
    minutes: number;
    only: string | undefined;
}

/** Calls a second of token buckets, each for a third of the time. */
const STEPS = [50, 20, 80];
const OF_BUCKETS = { used: 0.8, refused: 0.06 };
const OF_WINDOWS = { used: 0.9, refused: 0.03 };
/** Bounds are for so many minutes. */
const JUDGED_FROM = 10;

const bucket = (name: string, retryAfter: number | 'none'): Setting => ({
    name: `token bucket, ${name}`,
    limit: { kind: 'bucket', perSecond: STEPS[0]!, burst: 20, retryAfter },
    perSecond: Math.max(...STEPS),
    bounds: OF_BUCKETS,
});

const window = (
    calls: number,
    perMs: number,
    what: string,
    more: Omit<Window, 'kind' | 'calls' | 'perMs'>,
    bounds?: Setting['bounds'],
): Setting => ({
    name: `${calls.toLocaleString('en')} in ${perMs / 1_000} s, ${what}`,
    limit: { kind: 'window', calls, perMs, ...more },
    perSecond: (calls * 1_000) / perMs,
    ...(bounds ? { bounds } : {}),
});

/** Played one group after the other, all of a group at the same time: a host has eight places for slices, and each job takes one. */
const GROUPS: Setting[][] = [
    [
        bucket('Retry-After: 5', 5),
        bucket('Retry-After: 30', 30),
        bucket('no header', 'none'),
        window(3_000, 60_000, 'Retry-After', { retryAfter: true }, OF_WINDOWS),
    ],
    [
        window(600, 60_000, 'Retry-After', { retryAfter: true }, OF_WINDOWS),
        window(100, 10_000, 'Retry-After', { retryAfter: true }, OF_WINDOWS),
        window(600, 60_000, 'X-RateLimit', { retryAfter: false, headers: 'x-ratelimit' }, OF_WINDOWS),
        window(3_000, 60_000, 'RateLimit', { retryAfter: false, headers: 'ratelimit' }, OF_WINDOWS),
        window(600, 60_000, 'no header', { retryAfter: false }),
    ],
];

const past = (time: number): Promise<unknown> => until(() => Date.now() >= time, undefined, Math.max(0, time - Date.now()) + 60_000);

/** One target with one job, for so long. */
async function play(host: RunningHost, { limit, perSecond }: Setting, ms: number): Promise<Refusals> {
    const target = await startTarget({ latency: { baseMs: 25, jitterMs: 40 }, limits: [limit], record: true });
    try {
        const items = Array.from({ length: Math.ceil((perSecond * ms) / 1_000) + 1_000 }, (_, id) => ({ id }));
        const id = await startJob(host, items, { process: { http: { url: `${target.url}/x` } }, key: 'id', retry: { attempts: 2 } });
        const first = await until(
            () => target.stats().calls[0]?.at,
            () => `no call comes to ${target.url}`,
        );
        const seen = limit.kind === 'bucket' ? await stepped(target, limit, first, ms) : await windows(target, limit, ms);
        await clientOf(host).cancelJob(id);
        return seen;
    } finally {
        await target.stop();
    }
}

/** From the first call on, so that nothing is asked of the time in which the job is planned. */
async function stepped(target: Target, limit: Bucket, first: number, ms: number): Promise<Refusals> {
    for (const [i, perSecond] of STEPS.entries()) {
        target.setLimits([{ ...limit, perSecond }]);
        await past(first + ((i + 1) * ms) / STEPS.length);
    }
    return refusals(target, first, first + ms);
}

/** Whole windows from the target's beginning. */
async function windows(target: Target, { perMs }: Window, ms: number): Promise<Refusals> {
    const end = target.began + Math.max(1, Math.floor(ms / perMs)) * perMs;
    await past(end);
    return refusals(target, target.began, end);
}

const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;

/** Gives what was not held; null: nothing. */
export async function playLimits(root: string, { minutes, only = '' }: LimitsOptions): Promise<string | null> {
    const host = await startHost({ app: root });
    const rows: string[][] = [];
    const broken: string[] = [];
    try {
        for (const group of GROUPS) {
            const settings = group.filter(({ name }) => name.includes(only));
            const all = await Promise.all(settings.map((setting) => play(host, setting, minutes * 60_000)));
            for (const [i, { name, bounds }] of settings.entries()) {
                const { used, refused, calls } = all[i]!;
                const holds = !bounds || (used >= bounds.used && refused <= bounds.refused);
                if (!holds) broken.push(name);
                const asked = bounds ? `≥ ${percent(bounds.used)}, ≤ ${percent(bounds.refused)}${holds ? '' : ' **not held**'}` : '';
                rows.push([name, String(calls), percent(used), percent(refused), asked]);
            }
        }
    } finally {
        await host.stop();
    }
    show([['target', 'calls', 'accepted ÷ capacity', 'refused', 'asked for, of ten minutes'], ...rows]);
    const isJudged = minutes >= JUDGED_FROM;
    console.log(`${minutes} minutes of each${isJudged ? '' : '; what is asked for is not judged below ten'}.`);
    return isJudged && broken.length > 0 ? `not held: ${broken.join('; ')}` : null;
}
