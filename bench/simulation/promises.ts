// Rates as configured, fairness, deaths and outages: what must hold of each, with what was measured.
import { Site, type Arrival, type SimulatedJob } from './processes';
import { away, unlimited } from './targets';
import { parseRate, type Rate } from '../../src/core/limiter/rate';

/** One thing that must hold: what it is, what was measured, and the bound. */
export interface Check {
    what: string;
    measured: number;
    /** `least`: at least so much; else at most. */
    bound: number;
    isLeast?: boolean;
    unit?: string;
}

const rates = (...texts: string[]): Rate[] => texts.map((text) => parseRate(text)!);
const job = (id: string, more: Partial<SimulatedJob> = {}): SimulatedJob => ({ id, rates: [], items: Infinity, places: 16, ...more });

/** The most arrivals in any stretch of so many ms. */
export function most(arrivals: readonly Arrival[], ms: number, from = 0): number {
    let first = arrivals.findIndex(({ at }) => at >= from);
    let largest = 0;
    for (let last = Math.max(0, first); last < arrivals.length; last++) {
        while (arrivals[first]!.at <= arrivals[last]!.at - ms) first++;
        largest = Math.max(largest, last - first + 1);
    }
    return largest;
}

/** "50/s" for two jobs, by so many processes. */
export async function configured(processes: number, seed: number, ms = 300_000): Promise<Check[]> {
    const site = new Site(unlimited, seed);
    for (let i = 0; i < processes; i++)
        site.start([job('a', { rates: rates('50/s') }), job('b', { rates: rates('50/s') })], site.world.between(0, 300));
    await site.world.runUntil(ms);
    return [
        { what: 'most calls in a second', measured: most(site.arrivals, 1_000, 20_000), bound: 52 },
        { what: 'used', measured: site.count(20_000, ms) / (50 * (ms / 1_000 - 20)), bound: 0.88, isLeast: true, unit: '%' },
    ];
}

/** "50/s" and "300/min"; a process is killed, and another begins. */
export async function counted(processes: number, seed: number, ms = 1_200_000): Promise<Check[]> {
    const site = new Site(unlimited, seed);
    const both = { rates: rates('50/s', '300/min') };
    const all = Array.from({ length: processes }, () => site.start([job('a', both)], site.world.between(0, 300)));
    const killed = ms * 0.8 + site.world.between(0, 60_000);
    site.world.after(killed, () => all[0]!.kill());
    site.start([job('a', both)], killed + 2_000);
    await site.world.runUntil(ms);
    return [
        { what: 'most calls in 60 s', measured: most(site.arrivals, 60_000), bound: 300 },
        {
            what: 'used before that',
            measured: site.count(60_000, killed) / (5 * (killed / 1_000 - 60)),
            bound: 0.85,
            isLeast: true,
            unit: '%',
        },
    ];
}

/** A small job beside a large one. */
export async function fair(isSameProcess: boolean, seed: number): Promise<Check[]> {
    const site = new Site(unlimited, seed);
    const began = 60_000;
    const large = job('large', { rates: rates('50/s'), items: 100_000 });
    const small = job('small', { rates: rates('50/s'), items: 300 });
    const first = site.start([large, large, large, large]);
    if (isSameProcess) site.world.after(began, () => first.run(small));
    else site.start([small], began);
    await site.world.runUntil(120_000);
    const arrivals = site.arrivals.filter((a) => a.job === 'small');
    const firstAt = arrivals[0]?.at ?? Infinity;
    // When its rate over two seconds was first nine tenths of a half of what is paced.
    const half = (2 * 0.9 * 0.95 * 50) / 2;
    const halfAt =
        arrivals.find(({ at }, i) => i + half < arrivals.length && arrivals[i + Math.ceil(half)]!.at < at + 2_000)?.at ?? Infinity;
    return [
        { what: 'first call after', measured: (firstAt - began) / 1_000, bound: 15, unit: 's' },
        { what: 'half of the rate then after', measured: (halfAt - firstAt) / 1_000, bound: 10, unit: 's' },
        { what: 'most calls in a second', measured: most(site.arrivals, 1_000, 20_000), bound: 52 },
    ];
}

/** A process dies: when the others have its share. */
export async function death(seed: number): Promise<Check[]> {
    const site = new Site(unlimited, seed);
    const one = { rates: rates('50/s') };
    const [first] = Array.from({ length: 4 }, () => site.start([job('a', one)], site.world.between(0, 300)));
    const killed = 60_000 + site.world.between(0, 5_000);
    site.world.after(killed, () => first!.kill());
    await site.world.runUntil(120_000);
    // The end of the first two seconds in which the others have made as many calls as all did.
    let free = killed + 2_000;
    while (site.count(free - 2_000, free) < 88 && free < 120_000) free += 250;
    return [
        { what: 'others have its share after', measured: (free - killed) / 1_000, bound: 17, unit: 's' },
        { what: 'most calls in a second', measured: most(site.arrivals, 1_000, 20_000), bound: 52 },
    ];
}

/** Storage is away for a minute. */
export async function storageAway(seed: number): Promise<Check[]> {
    const site = new Site(unlimited, seed);
    for (let i = 0; i < 4; i++) site.start([job('a', { rates: rates('50/s', '4000/min') })], site.world.between(0, 300));
    site.world.after(60_000, () => (site.store.isAway = true));
    site.world.after(120_000, () => (site.store.isAway = false));
    await site.world.runUntil(180_000);
    const last = site.arrivals.filter(({ at }) => at < 120_000).at(-1)?.at ?? 0;
    const again = site.arrivals.find(({ at }) => at > 120_000)?.at ?? Infinity;
    return [
        { what: 'last call after', measured: (last - 60_000) / 1_000, bound: 12.1, unit: 's' },
        { what: 'next call after it is back', measured: (again - 120_000) / 1_000, bound: 10, unit: 's' },
        { what: 'most calls in a second', measured: most(site.arrivals, 1_000, 20_000), bound: 52 },
        { what: 'most calls in 60 s', measured: most(site.arrivals, 60_000), bound: 4_000 },
    ];
}

const INTERVALS = [1, 2, 4, 8, 16, 32, 60];

/** The target is away for three minutes, and four processes probe. */
export async function outage(kind: 'unreachable' | 'failed', seed: number): Promise<Check[]> {
    const [from, to] = [60_000, 240_000];
    const site = new Site(away(from, to, kind), seed);
    for (let i = 0; i < 4; i++) site.start([job('a')], site.world.between(0, 300));
    await site.world.runUntil(to + 120_000);
    const opened = site.arrivals.filter(({ at }) => at >= from && at < to);
    // What went on until everybody knew is the burst before the first pause of most of a second.
    const gap = opened.findIndex(({ at }, i) => at - (opened[i - 1]?.at ?? at) > 800);
    const burst = gap < 0 ? opened.length : gap;
    const probes = opened.slice(burst).map(({ at }) => at);
    const least = Math.min(...probes.slice(1).map((at, i) => (at - probes[i]!) / 1_000 / INTERVALS[Math.min(i + 1, 6)]!));
    const back = site.arrivals.find(({ at }) => at >= to)!.at;
    const full =
        site.arrivals.find(({ at }, i) => at >= back && site.arrivals[i + 500] && site.arrivals[i + 500]!.at < at + 1_000)?.at ?? Infinity;
    return [
        { what: 'calls until it is known', measured: burst, bound: kind === 'failed' ? 16_000 : 200 },
        { what: 'probes', measured: probes.length, bound: 8 },
        { what: 'least time between probes, in intervals', measured: least, bound: 0.95, isLeast: true },
        { what: 'next call after its return', measured: (back - to) / 1_000, bound: 62, unit: 's' },
        { what: 'everybody calls then after', measured: (full - back) / 1_000, bound: 5, unit: 's' },
    ];
}

/** The target is away for a day, and one process comes back for each probe. */
export async function longOutage(seed: number): Promise<Check[]> {
    const [from, to] = [60_000, 86_460_000];
    const site = new Site(away(from, to), seed);
    site.start([job('a', { places: 1 })]);
    await site.world.runUntil(to + 660_000);
    const during = site.arrivals.filter(({ at }) => at >= from + 1_000 && at < to).map(({ at }) => at);
    const gaps = during.slice(1).map((at, i) => (at - during[i]!) / 1_000);
    const back = site.arrivals.find(({ at }) => at >= to)?.at ?? Infinity;
    return [
        { what: 'probes', measured: during.length, bound: 250 },
        { what: 'most time between probes', measured: Math.max(...gaps), bound: 640, unit: 's' },
        { what: 'next call after its return', measured: (back - to) / 1_000, bound: 640, unit: 's' },
    ];
}

interface Promised {
    name: string;
    run: (seed: number) => Promise<Check[]>;
}

export const ALL: Promised[] = [
    ...[1, 2, 4].map((n) => ({ name: `"50/s", two jobs, processes: ${n}`, run: (seed: number) => configured(n, seed) })),
    ...[1, 2, 4].map((n) => ({ name: `"50/s" and "300/min", one is killed, processes: ${n}`, run: (seed: number) => counted(n, seed) })),
    { name: '300 items beside 100,000 at "50/s", in another process', run: (seed) => fair(false, seed) },
    { name: '300 items beside 100,000 at "50/s", in the same process', run: (seed) => fair(true, seed) },
    { name: 'one of 4 processes dies', run: death },
    { name: 'storage is away for a minute', run: storageAway },
    { name: 'no connection for 3 minutes, 4 processes', run: (seed) => outage('unreachable', seed) },
    { name: '500s for 3 minutes, 4 processes', run: (seed) => outage('failed', seed) },
    { name: 'no connection for a day, one process', run: longOutage },
];
