// A budget of failures in simulated time, at a target of which nobody can say for a while whether it is away or its items fail: no more fail than may, and what was in flight.
import { fine, JobBench, status } from '../../support/jobBench';

const FAILURES = 10;
const spec = { budget: { failures: FAILURES }, retry: { attempts: 1 } };
const isOver = ({ ledger, isOver: isDone }: JobBench): boolean => isDone || ledger.state === 'paused';

test.each([
    [500, 8, 1_000],
    [500, 32, 500],
    [503, 8, 2_000],
    [503, 32, 3_000],
])('a target that answers %i for a moment, %i calls at once, for %i ms', async (code, max, forMs) => {
    const bench = new JobBench({ partitions: 200, items: 50, max, spec });
    bench.answer = ({ at }) => (at > 2_000 && at < 2_000 + forMs ? status(code, { ms: 20 }) : fine(20));
    bench.start();
    await bench.until('over', () => isOver(bench), 600_000);
    const failed = bench.lines().filter(({ outcome }) => outcome === 'failed').length;
    expect(failed).toBeLessThanOrEqual(FAILURES + max);
    // Else every item has its outcome.
    if (bench.ledger.state !== 'paused') expect(bench.outcomes()).toHaveLength(bench.total);
});

test.each([
    ['with others behind them', 600],
    ['at the end of the job', Infinity],
])('many items side by side that fail for good, %s', async (_where, to) => {
    const max = 8;
    const bench = new JobBench({ partitions: 20, items: 50, max, spec });
    bench.answer = ({ index }) => (index >= 300 && index < to ? status(500, { ms: 20 }) : fine(20));
    bench.start();
    await bench.until('over', () => isOver(bench) || bench.ledger.hold !== null, 3_600_000);
    const failed = bench.lines().filter(({ outcome }) => outcome === 'failed').length;
    expect(failed).toBeLessThanOrEqual(FAILURES + max);
    if (to === 600) {
        expect(bench.ledger).toMatchObject({ state: 'paused', reached: { limit: 'failures' } });
        expect(failed).toBeGreaterThanOrEqual(FAILURES);
    }
});
