import {
    deadlineOf,
    type Approval,
    limitsOf,
    moved,
    newControl,
    retuned,
    seenState,
    type Asked,
    type Limits,
} from '../../../src/core/control';
import { ledgerDocument } from '../../../src/contracts/ledger';
import { noCounts } from '../../../src/core/counts';
import { newLedger, reduceLedger, type LedgerState } from '../../../src/core/ledger';
import { controlMoves, states, type Desire } from '../../../src/core/states';

const asked: Asked = { by: 'api', at: 1_000 };
const spec: Limits = {
    concurrency: { max: 64, adaptive: true },
    retry: { attempts: 5, initialDelay: 'PT1S', maxDelay: 'PT1M', factor: 2 },
    outage: { giveUpAfter: 'P3D' },
};

test('a cancel is one change, however often it is asked for; the first one holds', () => {
    const once = moved(newControl(), 'cancel', { ...asked, reason: 'enough' })!;
    expect(once).toMatchObject({ generation: 1, desired: 'cancel', ending: 'cancelled' });
    expect(once.changes.first).toEqual([{ kind: 'move', move: 'cancel', generation: 1, by: 'api', reason: 'enough', at: 1_000 }]);
    for (const move of controlMoves) expect(moved(once, move, asked)).toBeNull();
    expect(moved(newControl(), 'expire', asked)).toMatchObject({ desired: 'cancel', ending: 'expired' });
});

test('a request whose answer was lost is not done a second time, whatever has come between', () => {
    const paused = moved(newControl(), 'pause', { ...asked, id: 'a' })!;
    const resumed = moved(paused, 'resume', { ...asked, id: 'b' })!;
    expect(moved(resumed, 'pause', { ...asked, id: 'a' })).toBeNull();
    expect(moved(resumed, 'pause', { ...asked, id: 'c' })).toMatchObject({ desired: 'pause', generation: 3 });
});

test('limits of the control document win over those of the spec, one by one', () => {
    expect(limitsOf(spec, newControl())).toEqual(spec);
    const limits = { concurrency: { max: 3, adaptive: false } };
    expect(limitsOf(spec, { limits })).toEqual({ ...spec, ...limits });
    expect(limitsOf({ ...spec, deadline: 'P1D' }, { limits: { deadline: null } }).deadline).toBeUndefined();
});

test('a retune tells each field that it has changed, and nothing is changed by one that changes none', () => {
    const limits = { ...spec, concurrency: { max: 8, adaptive: true }, deadline: 'PT1H' };
    const once = retuned(newControl(), spec, limits, asked)!;
    expect(once).toMatchObject({ generation: 1, desired: 'run', limits: { concurrency: { max: 8 }, deadline: 'PT1H' } });
    expect(once.changes.first[0]).toMatchObject({
        kind: 'retune',
        changes: [
            { field: '/concurrency/max', from: 64, to: 8 },
            { field: '/deadline', from: null, to: 'PT1H' },
        ],
    });
    expect(retuned(once, spec, limits, asked)).toBeNull();
    const without = retuned(once, spec, spec, asked)!;
    expect(limitsOf(spec, without)).toEqual(spec);
    expect(without.limits).toMatchObject({ deadline: null });
});

test('a deadline is a time, or so long after the job was to start', () => {
    const job = { createdAt: '2026-11-01T12:00:00Z', spec: { ...spec, deadline: 'PT6H' } };
    expect(deadlineOf(job, newControl())).toBe(Date.parse('2026-11-01T18:00:00Z'));
    expect(deadlineOf({ ...job, spec: { ...job.spec, startAt: '2026-12-01T00:00:00+01:00' } }, newControl())).toBe(
        Date.parse('2026-12-01T05:00:00Z'),
    );
    expect(deadlineOf(job, { limits: { deadline: '2026-11-01T13:00:00Z' } })).toBe(Date.parse('2026-11-01T13:00:00Z'));
    expect(deadlineOf(job, { limits: { deadline: null } })).toBeNull();
});

test('what was asked for shows at once, where the job is still on its way', () => {
    const shown = (desired: Desire, { approval = null, hasCanary = false }: { approval?: Approval | null; hasCanary?: boolean } = {}) =>
        Object.fromEntries(states.map((state) => [state, seenState(state, { desired, approval }, hasCanary)]));
    const same = Object.fromEntries(states.map((state) => [state, state]));
    const cancelling = { scheduled: 'cancelling', planning: 'cancelling', running: 'cancelling', paused: 'cancelling' };
    Object.assign(cancelling, { canary: 'cancelling', awaitingApproval: 'cancelling' });
    expect(shown('cancel')).toEqual({ ...same, ...cancelling });
    expect(shown('pause')).toEqual({ ...same, running: 'paused', canary: 'paused' });
    expect(shown('run')).toEqual({ ...same, paused: 'running' });
    expect(shown('run', { hasCanary: true })).toEqual({ ...same, paused: 'canary' });
    const approved = { is: 'approved', by: 'test', at: 0 } as const;
    expect(shown('run', { hasCanary: true, approval: approved })).toEqual({
        ...same,
        ...{ awaitingApproval: 'running', canary: 'running', paused: 'running' },
    });
    expect(shown('pause', { hasCanary: true, approval: approved })).toMatchObject({ awaitingApproval: 'paused', canary: 'paused' });
});

describe('the ledger', () => {
    const working: LedgerState = { ...newLedger('j'), state: 'running', startedAt: 1, total: 10, partitions: 1 };

    test('takes in a generation once, and nothing older', () => {
        const { state } = reduceLedger(working, { op: 'control', generation: 2, desired: 'cancel' }, 5);
        expect(state).toMatchObject({ state: 'cancelling', generation: 2 });
        expect(reduceLedger(state, { op: 'control', generation: 1, desired: 'run' }, 6).state).toEqual(state);
        expect(reduceLedger(state, { op: 'control', generation: 2, desired: 'cancel' }, 6).state).toEqual(state);
    });

    test('that has not heard of what its caller has heard of has it wait a moment, and then goes on', () => {
        const { reply } = reduceLedger(working, { op: 'settle', seen: 1 }, 1_000);
        expect(reply).toMatchObject({ kind: 'wait', code: 'CONTROL', until: 2_000 });
        const { state } = reduceLedger(working, { op: 'control', generation: 1, desired: 'cancel' }, 1_500);
        expect(reduceLedger(state, { op: 'settle', seen: 1 }, 2_000).reply).toMatchObject({ kind: 'work' });
    });

    test('that heard of a cancel while it was folding goes by it when it is opened again', () => {
        const folding = reduceLedger({ ...working, closed: 1 }, { op: 'settle' }, 1_000).state;
        expect(folding.state).toBe('folding');
        const told = reduceLedger(folding, { op: 'control', generation: 1, desired: 'cancel' }, 1_001).state;
        const ranges = [{ from: 0, to: 1 }];
        const opened = reduceLedger(told, { op: 'reopen', repair: 1, ranges, counts: noCounts(), closed: 0 }, 1_002).state;
        expect(opened.state).toBe('cancelling');
        const { state: round } = reduceLedger(opened, { op: 'settle' }, 1_003);
        const ask = { op: 'lease' as const, round: round.round, worker: 'r1w0', slot: 0, seq: 1, report: null };
        expect(reduceLedger(round, ask, 1_004).reply).toMatchObject({ kind: 'work', lease: { mode: 'cancel', ending: 'cancelled' } });
    });

    test('to whose clock the time of a job has not come opens it when it is planned: whoever planned it went by another', () => {
        const scheduled = reduceLedger(newLedger('j'), { op: 'schedule', startAt: 5_000 }, 4_999).state;
        expect(scheduled.state).toBe('scheduled');
        const plan = { op: 'open' as const, jobId: 'j', total: 10, invalid: 0, partitions: 1, maxConcurrency: 1 };
        const { state } = reduceLedger(scheduled, plan, 4_999);
        expect(state).toMatchObject({ state: 'running', startedAt: 4_999 });
        expect(reduceLedger(state, { op: 'settle' }, 4_999).reply).toMatchObject({ kind: 'work' });
    });

    test('that was lost under a job that runs waits for a time that can be written down', () => {
        const { state, reply } = reduceLedger(newLedger('j'), { op: 'settle' }, 1_000);
        expect(reply.kind === 'wait' && Number.isFinite(new Date(reply.until).getTime())).toBe(true);
        expect(ledgerDocument.read(JSON.parse(JSON.stringify(ledgerDocument.write(state))))).toEqual(state);
    });
});
