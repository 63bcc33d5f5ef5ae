// The ledger when a budget of failures is used up by the very last items that may be called.
import { noCounts } from '../../../src/core/counts';
import {
    newLedger,
    reduceLedger,
    type Lease,
    type LeaseReply,
    type LedgerOperation,
    type LedgerState,
    type OperationOf,
    type SettleReply,
    type SliceReport,
} from '../../../src/core/ledger';

const budget = { failures: 5, minimum: 50, then: 'pause' as const };

class Told {
    state: LedgerState = newLedger('j');
    now = 1_000;
    private seq = 0;

    constructor(opened: Partial<OperationOf<'open'>>) {
        this.tell({ op: 'open', jobId: 'j', maxConcurrency: 32, total: 10, invalid: 0, partitions: 1, budget, ...opened });
    }

    tell<Op extends LedgerOperation['op']>(operation: OperationOf<Op> & { op: Op }) {
        const { state, reply } = reduceLedger<Op>(this.state, operation, this.now);
        this.state = state;
        return reply;
    }

    lease(round: number, slot: number, report: SliceReport | null = null): LeaseReply {
        return this.tell({ op: 'lease', round, worker: `r${round}w${slot}`, slot, seq: ++this.seq, report });
    }
}

const round = (reply: SettleReply): number => (reply.kind === 'work' ? reply.round : NaN);
const given = (reply: LeaseReply): Lease => {
    if (reply.kind !== 'work') throw new Error(JSON.stringify(reply));
    return reply.lease;
};
const failedAll = ({ epoch, from, to }: Lease, items: number): SliceReport => ({
    ...{ epoch, closed: to - from, counts: { ...noCounts(), failed: items }, open: [], unreached: [], untouched: to, failures: [] },
    ...{ rate: 1, limit: null, worked: true, spent: { settled: items, failed: items, codes: { HTTP_STATUS: items }, resumed: 0 } },
});

test('a job whose last items use up its budget ends: no worker waits for an allowance that is for nothing', () => {
    const told = new Told({});
    const r = round(told.tell({ op: 'settle' }));
    expect(told.lease(r, 0, failedAll(given(told.lease(r, 0)), 10))).toMatchObject({ kind: 'stop' });
    expect(told.tell({ op: 'settle' })).toMatchObject({ kind: 'done', as: 'completed' });
});

test('and so does a canary, unless the budget stops its job: then nobody is asked before it is resumed', () => {
    const told = new Told({ partitions: 2, canary: { items: 5, partitions: 1, timeoutMs: 60_000 } });
    const r = round(told.tell({ op: 'settle' }));
    expect(told.lease(r, 0, failedAll(given(told.lease(r, 0)), 5))).toMatchObject({ kind: 'stop' });
    expect(told.tell({ op: 'settle' })).toMatchObject({ kind: 'over', then: 'pause' });
    told.tell({ op: 'control', generation: 1, desired: 'pause' });
    told.tell({ op: 'control', generation: 2, desired: 'run', resumed: 2 });
    expect(told.tell({ op: 'settle' })).toMatchObject({ kind: 'judge', overdue: false });
});

test('a worker whose allowance others have waits while there is something for it to do', () => {
    const told = new Told({ partitions: 400, total: 400, maxConcurrency: 96, budget: { ...budget, failures: 3 } });
    const r = round(told.tell({ op: 'settle' }));
    const [first] = [0, 1, 2].map((slot) => given(told.lease(r, slot)));
    expect(first!.budget).toMatchObject({ allowance: { failures: 1 } });
    const report = { ...failedAll(first!, 1), closed: 0, counts: noCounts(), untouched: first!.from };
    expect(told.lease(r, 0, report)).toMatchObject({ kind: 'wait', code: 'WORK' });
});

test('trouble with stopping a job by its budget is over when the job is stopped, whoever has done it', () => {
    const told = new Told({ partitions: 2 });
    const r = round(told.tell({ op: 'settle' }));
    told.lease(r, 0, failedAll(given(told.lease(r, 0)), 5));
    const trouble = { code: 'STORAGE_REFUSED' as const, message: 'no', since: 1, count: 1, until: 2_000 };
    told.tell({ op: 'note', step: 'budget', trouble });
    expect(told.state.troubles).toHaveProperty('budget');
    told.tell({ op: 'control', generation: 1, desired: 'pause', ending: null });
    expect(told.state.troubles).toEqual({});
    expect(told.state.timeline.first.map(({ kind }) => kind)).toContain('recovered');
});
