// A target that was there more than a minute ago and fails at once for every item of a job that is soon called through: the breaker opens, by the calls that are
// repeated, and the items are not called round and round.
import { fine, JobBench, status } from '../../support/jobBench';

test.each([
    ['hundreds, all called within a second', 4, 125],
    ['some dozens of them', 4, 20],
])('%s', async (_what, partitions, items) => {
    const bench = new JobBench({ partitions, items, max: 16, spec: { retry: { attempts: 1 } } });
    const { clock } = bench.slices;
    bench.answer = ({ at }) => (at < 60_000 ? fine(400) : status(500, { ms: 20 }));
    bench.start();
    await bench.until('called', () => bench.calls.length >= 5, 10_000);
    bench.move('pause');
    const paused = clock.now();
    await bench.until('a minute has gone', () => clock.now() > paused + 70_000, 100_000);
    const before = bench.calls.length;
    bench.move('resume');
    await bench.until('the breaker is open', () => (bench.register?.breaker?.since ?? null) !== null, 200_000);
    const opened = clock.now();
    await bench.until('time has gone', () => clock.now() > opened + 600_000, 700_000);
    // Each a few times until it opens, and probes since.
    expect(bench.calls.length - before).toBeLessThan(partitions * items * 10 + 100);
    expect(bench.lines().filter(({ outcome }) => outcome === 'failed')).toEqual([]);
    bench.answer = () => fine(20);
    await bench.ended(1_000_000);
    expect(bench.outcomes()).toHaveLength(partitions * items);
});
