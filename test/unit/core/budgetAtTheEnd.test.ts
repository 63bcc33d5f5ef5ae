// The ledger when a budget of failures is used up by the very last items that may be called.
import { noCounts } from '../../../src/core/counts';
import type { Lease, OperationOf, SliceDone } from '../../../src/core/ledger';
import { LedgerJob } from '../../support/ledgerJob';

const budget = { failures: 5, minimum: 50, then: 'pause' as const };

const jobOf = ({ partitions = 1, maxConcurrency = 32, ...planned }: Partial<OperationOf<'open'>> = {}): LedgerJob =>
    new LedgerJob(maxConcurrency, partitions, { total: 10, budget, ...planned });
const failedAll = ({ epoch, from, to }: Lease, items: number): SliceDone => ({
    ...{ epoch, closed: to - from, counts: { ...noCounts(), failed: items }, open: [], unreached: [], untouched: to, failures: [] },
    ...{ rate: 1, limit: null, worked: true, spent: { settled: items, failed: items, codes: { HTTP_STATUS: items }, resumed: 0 } },
});

test('a job whose last items use up its budget ends: no worker waits for an allowance that is for nothing', () => {
    const job = jobOf();
    job.workers();
    expect(job.ask(0, failedAll(job.leased(0), 10))).toMatchObject({ kind: 'stop' });
    expect(job.settle()).toMatchObject({ kind: 'done', as: 'completed' });
});

test('and so does a canary, unless the budget stops its job: then nobody is asked before it is resumed', () => {
    const job = jobOf({ partitions: 2, canary: { items: 5, partitions: 1, timeoutMs: 60_000 } });
    job.workers();
    expect(job.ask(0, failedAll(job.leased(0), 5))).toMatchObject({ kind: 'stop' });
    expect(job.settle()).toMatchObject({ kind: 'over', then: 'pause' });
    job.tell({ op: 'control', generation: 1, desired: 'pause' });
    job.tell({ op: 'control', generation: 2, desired: 'run', resumed: 2 });
    expect(job.settle()).toMatchObject({ kind: 'judge', overdue: false });
});

test('a worker whose allowance others have waits while there is something for it to do', () => {
    const job = jobOf({ partitions: 400, total: 400, maxConcurrency: 96, budget: { ...budget, failures: 3 } });
    job.workers();
    const [first] = [0, 1, 2].map((slot) => job.leased(slot));
    expect(first!.budget).toMatchObject({ allowance: { failures: 1 } });
    const report = { ...failedAll(first!, 1), closed: 0, counts: noCounts(), untouched: first!.from };
    expect(job.ask(0, report)).toMatchObject({ kind: 'wait', code: 'WORK' });
});

test('trouble with stopping a job by its budget is over when the job is stopped, whoever has done it', () => {
    const job = jobOf({ partitions: 2 });
    job.workers();
    job.ask(0, failedAll(job.leased(0), 5));
    const trouble = { code: 'STORAGE_REFUSED' as const, message: 'no', since: 1, count: 1, until: 2_000 };
    job.tell({ op: 'note', step: 'budget', trouble });
    expect(job.state.troubles).toHaveProperty('budget');
    job.tell({ op: 'control', generation: 1, desired: 'pause', ending: null });
    expect(job.state.troubles).toEqual({});
    expect(job.state.timeline.first.map(({ kind }) => kind)).toContain('recovered');
});
