import { limitsOf, moved, newControl, seenState, type Control } from '../../../src/core/control';
import { ledgerDocument } from '../../../src/contracts/ledger';
import { noCounts } from '../../../src/core/counts';
import { newLedger, reduceLedger, type Lease, type LedgerState } from '../../../src/core/ledger';
import { states } from '../../../src/core/states';

const cancel = { move: 'cancel', by: 'api', at: '2026-11-27T00:00:00Z' } as const;

test('a cancel is one change, however often it is asked for; the first one holds', () => {
    const once = moved(newControl(), { ...cancel, reason: 'enough' })!;
    expect(once).toMatchObject({ generation: 1, desired: 'cancel', ending: 'cancelled', moves: [{ by: 'api', reason: 'enough' }] });
    expect(moved(once, cancel)).toBeNull();
});

test('of the moves the last twenty are kept', () => {
    const busy: Control = { ...newControl(), moves: Array.from({ length: 25 }, (_, i) => ({ ...cancel, by: String(i) })) };
    const { moves } = moved(busy, cancel)!;
    expect(moves).toHaveLength(20);
    expect(moves.at(-1)).toEqual(cancel);
});

test('limits of the control document win over those of the spec, one by one', () => {
    const spec = {
        concurrency: { max: 64, adaptive: true },
        retry: { attempts: 5, initialDelay: 'PT1S', maxDelay: 'PT1M', factor: 2 },
    };
    expect(limitsOf(spec, newControl())).toEqual(spec);
    const limits = { concurrency: { max: 3, adaptive: false } };
    expect(limitsOf(spec, { ...newControl(), limits })).toEqual({ ...spec, ...limits });
});

test('what was asked for shows at once, where the job is still on its way', () => {
    const asked = moved(newControl(), cancel)!;
    expect(states.map((state) => seenState(state, asked))).toEqual(
        states.map((state) => (state === 'planning' || state === 'running' ? 'cancelling' : state)),
    );
    for (const state of states) expect(seenState(state, newControl())).toBe(state);
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
        const { state: round } = reduceLedger(opened, { op: 'settle' }, 1_003);
        const ask = { op: 'lease' as const, round: round.round, worker: 'w', slot: 0 };
        const leased = reduceLedger(round, { ...ask, seq: 1, report: null }, 1_004);
        const { lease } = leased.reply as { lease: Lease };
        const nothing = {
            closed: 0,
            counts: noCounts(),
            open: [],
            unreached: [],
            untouched: lease.from,
            failures: [],
            rate: 0,
            limit: null,
        };
        const report = { ...nothing, epoch: lease.epoch, worked: false, control: { generation: 1, desired: 'cancel' as const } };
        const next = reduceLedger(leased.state, { ...ask, seq: 2, report }, 1_005);
        expect(next.state.state).toBe('cancelling');
        expect(next.reply).toMatchObject({ kind: 'work', lease: { mode: 'cancel' } });
    });

    test('that was lost under a job that runs waits for a time that can be written down', () => {
        const { state, reply } = reduceLedger(newLedger('j'), { op: 'settle' }, 1_000);
        expect(reply.kind === 'wait' && Number.isFinite(new Date(reply.until).getTime())).toBe(true);
        expect(ledgerDocument.read(JSON.parse(JSON.stringify(ledgerDocument.write(state))))).toEqual(state);
    });
});
