// Outages in simulated time: a whole job with its ledger, its slices and its limiter, at a target that goes away.
import { fine, JobBench, refused, status, timeout, type Answer, type MadeCall } from '../../support/jobBench';

const retry = { attempts: 3, initialDelay: 'PT1S', maxDelay: 'PT10S', factor: 2 };
const MINUTE = 60_000;

/** The attempts that each item has used up, by its lines. */
const used = (bench: JobBench): Map<number, number> => new Map(bench.outcomes().map(({ index, attempts }) => [index!, attempts!]));

const aways: [string, () => Answer, number][] = [
    ['answers 500', () => status(500), 50],
    ['answers 503 without Retry-After', () => status(503), 50],
    ['does not answer within 30 s', () => timeout(), 30_000],
    ['refuses connections', () => refused(), 1],
];

test.each(aways)('an outage of three minutes in which the target %s uses up no attempt', async (_what, gone, lastMs) => {
    const bench = new JobBench({ partitions: 30, items: 100, max: 64, spec: { retry } });
    let [from, to] = [Infinity, Infinity];
    bench.answer = ({ at }: MadeCall) => {
        if (bench.calls.length === 1_000 && from === Infinity) [from, to] = [at, at + 3 * MINUTE];
        return at >= from && at < to ? gone() : fine();
    };
    bench.start();
    await bench.ended();
    const attempts = used(bench);
    console.log(_what, bench.summary(), bench.between(from, to).length, [...attempts.values()].filter((n) => n > 1).length, bench.between(from,to).map(c=>c.at-from).slice(-20), bench.between(to, to+200000)[0]!.at - to);
});
