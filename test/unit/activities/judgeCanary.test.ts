// The word on a canary, where something else is wanted of its job at the same moment.
import { judgeCanary } from '../../../src/activities/judgeCanary';
import { jobSpec } from '../../../src/contracts/jobSpec';
import { noCounts } from '../../../src/core/counts';
import { moved, newControl, type Control } from '../../../src/core/control';
import { newLedger, reduceLedger, type LedgerState } from '../../../src/core/ledger';
import type { ControlMove } from '../../../src/core/states';
import type { JobStore } from '../../../src/storage/jobStore';
import { noted } from '../../support/log';

const findings = {
    ...{ items: 5, counts: { ...noCounts(), succeeded: 5 }, failures: [], calls: { latencies: {}, statuses: {} }, samples: [] },
    ...{ seconds: 1, settledAt: new Date(0).toISOString() },
};
const asked = { jobId: 'j', partitions: 1, calls: findings.calls, ranForMs: 1_000, overdue: false };

/** A job whose canary of five has settled, and of which these moves have been asked for meanwhile. */
function stage(approval: 'automatic' | 'manual', ...moves: ControlMove[]) {
    const spec = jobSpec.parse({ source: { blob: 'x' }, process: { processor: 'digest' }, canary: { items: 5, approval } });
    let control = moves.reduce((before, move) => moved(before, move, { by: 'somebody', at: 0 }) ?? before, newControl());
    const store = {
        readJob: async () => ({ id: 'j', createdAt: new Date(0).toISOString(), spec }),
        readCanary: async () => findings,
        readControl: async () => control,
        changeControl: async (_id: string, change: (now: Control) => Control | null) => (control = change(control) ?? control),
    } as unknown as JobStore;
    const { log } = noted();
    return { judge: (more: object = {}) => judgeCanary({ ...asked, ...more }, store, log) };
}

/** The ledger of a job whose canary has settled. */
function canaryThrough(): LedgerState {
    const canary = { items: 5, partitions: 1, timeoutMs: 60_000 };
    const open = { op: 'open' as const, jobId: 'j', maxConcurrency: 1, total: 10, invalid: 0, partitions: 2, canary };
    return { ...reduceLedger<'open'>(newLedger('j'), open, 0).state, closed: 1, next: 1 };
}

test('a pause that comes while the share of failures decides holds: the job does not run before it is resumed', async () => {
    const reply = await stage('automatic', 'pause').judge();
    if (reply.kind !== 'control') throw new Error(JSON.stringify(reply));
    expect(reply).toMatchObject({ asks: false, control: { desired: 'pause' } });
    expect(reply.control.approval).toBeUndefined();
    const { control, asks } = reply;
    let { state } = reduceLedger<'judged'>(canaryThrough(), { op: 'judged', asks, ...control }, 1);
    expect(state.state).toBe('paused');
    ({ state } = reduceLedger<'control'>(state, { op: 'control', generation: 2, desired: 'run', resumed: 2 }, 2));
    expect(reduceLedger<'settle'>(state, { op: 'settle' }, 3).reply).toMatchObject({ kind: 'judge', overdue: false });
});

test('where nobody is to be asked nobody is, also when the ledger hears of a resume first', async () => {
    const reply = await stage('automatic', 'pause').judge();
    if (reply.kind !== 'control') throw new Error(JSON.stringify(reply));
    const heard = reduceLedger<'control'>(canaryThrough(), { op: 'control', generation: 2, desired: 'run', resumed: 2 }, 1).state;
    const { state } = reduceLedger<'judged'>(heard, { op: 'judged', asks: reply.asks, ...reply.control }, 2);
    expect(state.state).toBe('canary');
    expect(reduceLedger<'settle'>(state, { op: 'settle' }, 3).reply).toMatchObject({ kind: 'judge' });
});

test('nobody who has had his time can stop a rejection by a pause, and a person is asked where one is to be', async () => {
    expect(await stage('manual', 'pause').judge({ overdue: true })).toMatchObject({ asks: false, control: { approval: 'rejected' } });
    expect(await stage('manual').judge()).toMatchObject({ asks: true, control: { desired: 'run' } });
    expect(await stage('automatic').judge()).toMatchObject({ asks: false, control: { desired: 'run', approval: 'approved' } });
});
