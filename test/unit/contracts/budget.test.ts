// Canary, approval and budget: as a spec has them, as a patch changes them, as they are stored, and where older documents lack them.
import { mergeLimits } from '../../../src/application/mergeLimits';
import * as documents from '../../../src/contracts/documents';
import { ledgerDocument, operationMessage, readReply, reportMessage } from '../../../src/contracts/ledger';
import * as payloads from '../../../src/contracts/payloads';
import { nothingSpent, type Budget } from '../../../src/core/budget';
import { noCalls } from '../../../src/core/callStats';
import { limitsOf, moved, newControl, retuned, seenOf, type Control, type Limits } from '../../../src/core/control';
import { noCounts } from '../../../src/core/counts';
import type { Problem } from '../../../src/core/errors';
import { newLedger, reduceLedger, type LedgerState, type OperationOf } from '../../../src/core/ledger';
import { groupOf } from '../../support/failureGroup';
import { anyLease } from '../../support/lease';
import { controlAfter } from '../../support/moves';
import { specsLike } from '../../support/specs';

const NOW = Date.parse('2026-12-01T00:00:00Z');
const minimal = { source: { items: [1] }, process: { processor: 'digest' } };
const wire = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

const { specOf, errorsOf } = specsLike(minimal);

describe('a spec', () => {
    test('without them has neither', () => {
        expect(specOf({})).not.toHaveProperty('canary');
        expect(specOf({})).not.toHaveProperty('budget');
    });

    test('with a canary asks somebody for a day, unless it says otherwise', () => {
        expect(specOf({ canary: { items: 50 } }).canary).toEqual({ items: 50, approval: 'manual', maxPercent: 2, timeout: 'P1D' });
        const own = { items: 10_000, approval: 'automatic', maxPercent: 0, timeout: 'P400D' };
        expect(specOf({ canary: own }).canary).toEqual(own);
    });

    test('with a budget pauses by it, and counts a share from fifty items on, unless it says otherwise', () => {
        expect(specOf({ budget: { percent: 5 } }).budget).toEqual({ percent: 5, minimum: 50, then: 'pause' });
        const own = { failures: 100, percent: 0.001, minimum: 1, codes: { HTTP_STATUS: 10, TIMEOUT: 1 }, then: 'cancel' };
        expect(specOf({ budget: own }).budget).toEqual(own);
    });

    test.each<[object, string]>([
        [{ canary: {} }, '/canary/items'],
        [{ canary: 50 }, '/canary'],
        [{ canary: null }, '/canary'],
        [{ canary: { items: 0 } }, '/canary/items'],
        [{ canary: { items: 10_001 } }, '/canary/items'],
        [{ canary: { items: 1.5 } }, '/canary/items'],
        [{ canary: { items: 5, approval: 'mine' } }, '/canary/approval'],
        [{ canary: { items: 5, maxPercent: -1 } }, '/canary/maxPercent'],
        [{ canary: { items: 5, maxPercent: 101 } }, '/canary/maxPercent'],
        [{ canary: { items: 5, timeout: 'PT59S' } }, '/canary/timeout'],
        [{ canary: { items: 5, timeout: 'P401D' } }, '/canary/timeout'],
        [{ canary: { items: 5, timeout: 'soon' } }, '/canary/timeout'],
        [{ canary: { items: 5, percent: 5 } }, '/canary/percent'],
        [{ budget: {} }, '/budget'],
        [{ budget: { minimum: 9, then: 'cancel' } }, '/budget'],
        [{ budget: { codes: {} } }, '/budget'],
        [{ budget: null }, '/budget'],
        [{ budget: 100 }, '/budget'],
        [{ budget: { failures: 0 } }, '/budget/failures'],
        [{ budget: { failures: 1.5 } }, '/budget/failures'],
        [{ budget: { percent: 0 } }, '/budget/percent'],
        [{ budget: { percent: 101 } }, '/budget/percent'],
        [{ budget: { failures: 1, minimum: 0 } }, '/budget/minimum'],
        [{ budget: { failures: 1, then: 'stop' } }, '/budget/then'],
        [{ budget: { codes: { TIMEOUT: 0 } } }, '/budget/codes/TIMEOUT'],
        [{ budget: { codes: { NOPE: 1 } } }, '/budget/codes/NOPE'],
        // Items end so that nobody has called.
        [{ budget: { codes: { NOT_APPROVED: 1 } } }, '/budget/codes/NOT_APPROVED'],
        [{ budget: { failures: 1, limit: 5 } }, '/budget/limit'],
    ])('is refused with %j, and told where', (more, pointer) => {
        expect(errorsOf(more).map((error) => error.pointer)).toEqual([pointer]);
    });

    test('is told what fields there are, and what codes', () => {
        const [canary] = errorsOf({ canary: { items: 5, percent: 5 } });
        expect(canary).toMatchObject({ message: 'unknown field "percent"', allowed: 'items, approval, maxPercent, timeout' });
        const [budget] = errorsOf({ budget: { failures: 1, limit: 5 } });
        expect(budget).toMatchObject({ allowed: 'failures, percent, minimum, codes, then' });
        const [code] = errorsOf({ budget: { codes: { NOPE: 1 } } });
        expect(code!.allowed).toContain('HTTP_STATUS, ');
        expect(code!.allowed).not.toContain('NOT_APPROVED');
        expect(errorsOf({ budget: { failures: 1, then: 'stop' } })[0]!.allowed).toBe('pause | cancel');
        expect(errorsOf({ budget: {} })[0]!.message).toContain('failures, percent or codes');
    });
});

describe('a patch', () => {
    const jobOf = (more: object = {}): documents.StoredJob => ({
        id: 'j',
        createdAt: new Date(NOW).toISOString(),
        spec: { ...specOf(more), source: { inline: 1 } },
    });
    const patched = (patch: Record<string, unknown>, more: object = {}): Limits => {
        const job = jobOf(more);
        return mergeLimits(limitsOf(job.spec, newControl()), patch, job, NOW);
    };
    const budget = { failures: 100, percent: 5, codes: { HTTP_STATUS: 10, TIMEOUT: 3 }, then: 'cancel' };

    test('changes what it names of a budget, and null takes away', () => {
        expect(patched({ budget: { failures: 7 } }, { budget }).budget).toEqual({ ...budget, minimum: 50, failures: 7 });
        expect(patched({ budget: { failures: null, then: null } }, { budget }).budget).toEqual({
            ...{ percent: 5, minimum: 50, codes: budget.codes, then: 'pause' },
        });
        expect(patched({ budget: { codes: { TIMEOUT: null, POISON: 1 } } }, { budget }).budget!.codes).toEqual({
            HTTP_STATUS: 10,
            POISON: 1,
        });
        expect(patched({ budget: { codes: null } }, { budget }).budget).not.toHaveProperty('codes');
        expect(patched({ budget: null }, { budget }).budget).toBeUndefined();
        expect(patched({ budget: { percent: 1 } }).budget).toEqual({ percent: 1, minimum: 50, then: 'pause' });
        expect(patched({ concurrency: { max: 3 } }, { budget }).budget).toEqual({ ...budget, minimum: 50 });
    });

    test.each<[Record<string, unknown>, string[]]>([
        [{ budget: { failures: 0 } }, ['/budget/failures']],
        [{ budget: { failures: 'many' } }, ['/budget/failures']],
        [{ budget: 5 }, ['/budget']],
        [{ budget: { limit: 5 } }, ['/budget/limit']],
        [{ budget: { limit: null } }, ['/budget/limit']],
        [{ budget: { codes: { NOPE: 5 } } }, ['/budget/codes/NOPE']],
        // Also where the patch would only take it away.
        [{ budget: { codes: { NOPE: null } } }, ['/budget/codes/NOPE']],
        [{ budget: { codes: { TIMEOUT: 'x' } } }, ['/budget/codes/TIMEOUT']],
        [{ budget: { failures: null, percent: null, codes: null } }, ['/budget']],
        [{ canary: { items: 5 } }, ['/canary']],
        [{ approval: 'approved' }, ['/approval']],
    ])('%j is refused', (patch, pointers) => {
        try {
            patched(patch, { budget });
        } catch (error) {
            return expect((error as Problem).details.errors!.map(({ pointer }) => pointer)).toEqual(pointers);
        }
        throw new Error('it was not refused');
    });

    test('is told in the timeline, field by field, and comes back from what is stored', () => {
        const { spec } = jobOf({ budget });
        const asked = { by: 'api', at: NOW };
        const limits = patched({ budget: { failures: 7, codes: { TIMEOUT: null } } }, { budget });
        const control = retuned(newControl(), spec, limits, asked)!;
        expect(control.changes.first).toMatchObject([
            {
                changes: [
                    { field: '/budget/failures', from: 100, to: 7 },
                    { field: '/budget/codes', from: budget.codes, to: { HTTP_STATUS: 10 } },
                ],
            },
        ]);
        const stored = (of: Control) => documents.controlDocument.read(wire(documents.controlDocument.write(of)));
        expect(limitsOf(spec, stored(control)).budget).toMatchObject({ failures: 7 });
        const without = retuned(control, spec, { ...limitsOf(spec, control), budget: undefined }, asked)!;
        expect(limitsOf(spec, stored(without)).budget).toBeUndefined();
        expect(seenOf({ createdAt: new Date(NOW).toISOString(), spec }, stored(without)).budget).toBeNull();
    });
});

const budget: Budget = { failures: 5, percent: 2.5, minimum: 50, codes: { TIMEOUT: 3 }, then: 'cancel' };
const group = groupOf('TIMEOUT', 2);
const leased = {
    ...anyLease,
    budget: { of: budget, resumed: 3, allowance: { failures: 2, percent: { of: 2.5, room: 12.5, minimum: 0 }, codes: { TIMEOUT: 1 } } },
};
const counts = { ...noCounts(), failed: 2 };
const spent = { settled: 9, failed: 2, codes: { TIMEOUT: 2 } };
const over = { generation: 3, then: 'pause' as const, why: 'five items have failed' };

/** A ledger of a job with a canary and a budget, of which both are at work. */
const ledger = (): LedgerState => ({
    ...newLedger('j'),
    ...{ state: 'awaitingApproval', generation: 3, total: 9, partitions: 3, next: 1, closed: 1, startedAt: 1, round: 2, counts },
    canary: { items: 3, partitions: 1, timeoutMs: 60_000, ranForMs: 7, until: 99, verdict: null },
    ...{ budget, spent, resumed: 3, recentFailures: [group], reached: { limit: 'codes/TIMEOUT', why: 'three', groups: [group] } },
    orphans: { '1': { ...leased, crashes: 1, base: counts, resumed: [], since: 3, againAt: null } },
    answered: { r2w0: { seq: 1, reply: { kind: 'stop', why: 'over', over } }, r2w1: { seq: 2, reply: { kind: 'work', lease: leased } } },
    entered: { canary: 5, awaitingApproval: 9 },
    ending: 'rejected',
    timeline: {
        first: [{ kind: 'budget', limit: 'failures', why: 'five', groups: [{ code: 'A', message: 'm', count: 2 }], at: 3, generation: 1 }],
        omitted: null,
        last: [],
    },
});

describe('what is stored and sent', () => {
    const report = {
        ...{ epoch: 4, closed: 1, counts, open: [], unreached: [], untouched: 1, failures: [group], rate: 1, limit: null, worked: true },
        ...{
            spent: { ...spent, resumed: 3 },
            control: { generation: 4, desired: 'run' as const, approval: 'approved' as const, resumed: 3, budget },
        },
    };
    const control = moved(controlAfter('pause', 'resume'), 'reject', { by: 'me', at: 5, reason: 'too many' })!;
    const judged: OperationOf<'judged'> = { op: 'judged', asks: true, generation: 3, desired: 'run', resumed: 2, budget: null };
    const canary = { items: 3, partitions: 1, timeoutMs: 60_000 };

    test.each<[string, { write: (value: never) => unknown; read: (given: unknown) => unknown }, unknown]>([
        ['the ledger', ledgerDocument, ledger()],
        ['the control document', documents.controlDocument, control],
        ['the word of a limit that is taken away', operationMessage, { op: 'control', generation: 3, desired: 'run', budget: null }],
        [
            'the word on a canary',
            operationMessage,
            { op: 'control', generation: 3, desired: 'cancel', ending: 'rejected', approval: 'rejected' },
        ],
        ['a canary that is judged', operationMessage, judged],
        ['that storage refuses for good', operationMessage, { op: 'giveUp', error: { code: 'STORAGE_REFUSED', message: 'm' } }],
        [
            'a plan with both',
            operationMessage,
            { op: 'open', jobId: 'j', total: 9, invalid: 0, partitions: 3, maxConcurrency: 4, deadline: null, canary, budget },
        ],
        ['trouble of a canary', operationMessage, { op: 'note', step: 'canary', trouble: null }],
        ['a report', reportMessage, report],
        [
            'a plan',
            payloads.planReplyMessage,
            { ok: true, total: 9, invalid: 0, partitions: 3, concurrency: 4, deadline: null, canary, budget },
        ],
        ['the input of a slice', payloads.sliceInputMessage, { jobId: 'j', worker: 'r1w0', lease: leased }],
        ['what a worker carries', payloads.runWorkerMessage, { jobId: 'j', round: 1, slot: 0, seq: 2, lease: leased }],
        ['the input of stopOverBudget', payloads.stopInputMessage, { jobId: 'j', ...over }],
        ['its reply', payloads.stopReplyMessage, { kind: 'control', control: { generation: 4, desired: 'pause', ending: null, budget } }],
        [
            'the input of judgeCanary',
            payloads.judgeInputMessage,
            { jobId: 'j', partitions: 1, calls: noCalls(), ranForMs: 5, overdue: true },
        ],
        ['its reply', payloads.judgeReplyMessage, { kind: 'control', asks: true, control: { generation: 4, desired: 'run' } }],
        ['the input of a fold', payloads.foldInputMessage, { jobId: 'j', as: 'cancelled', startedAt: null, ending: 'rejected' }],
        [
            'what runJob carries',
            payloads.runJobMessage,
            { jobId: 'j', ending: { as: 'cancelled', total: 9, invalid: 0, ending: 'overBudget' } },
        ],
    ])('comes back as it was: %s', (_what, form, value) => {
        expect(form.read(wire(form.write(value as never)))).toEqual(value);
    });

    test.each([
        ['settle', { kind: 'over', ...over }],
        ['settle', { kind: 'judge', generation: 3, partitions: 1, calls: noCalls(), ranForMs: 5, overdue: false }],
        ['settle', { kind: 'done', as: 'cancelled', total: 9, invalid: 0, error: null, ending: 'rejected' }],
        ['lease', { kind: 'stop', why: 'over', over }],
        ['lease', { kind: 'work', lease: leased }],
        ['judged', { kind: 'ok', state: 'awaitingApproval' }],
        ['giveUp', { kind: 'ok', state: 'canary' }],
    ] as const)('a reply to %s comes back as it was: %j', (op, reply) => {
        expect(readReply(op, wire(reply))).toEqual(reply);
    });

    test('a summary says why its job was not run to its end; of one that was it says nothing', () => {
        const summary: documents.Summary = {
            ...{ jobId: 'j', state: 'cancelled', total: 3, counts: { ...counts, skipped: 1 }, invalid: 0, failures: [group], endedAt: 'T' },
            ending: 'rejected',
        };
        expect(documents.summaryDocument.read(wire(documents.summaryDocument.write(summary)))).toEqual(summary);
    });

    test('a job comes back with both', () => {
        const job = { id: 'j', createdAt: 'T', spec: { ...specOf({ canary: { items: 5 }, budget }), source: { inline: 1 } } };
        expect(documents.jobDocument.read(wire(documents.jobDocument.write(job)))).toEqual(job);
    });
});

describe('a version before', () => {
    const lacking = { canary: null, budget: null, spent: nothingSpent(), resumed: 0, recentFailures: [], reached: null };
    const without = (document: object, ...fields: string[]) =>
        Object.fromEntries(Object.entries(wire(document)).filter(([field]) => !fields.includes(field)));
    /** A ledger at work, as version 4 has stored it. */
    const running: LedgerState = {
        ...newLedger('j'),
        ...{
            state: 'running',
            generation: 2,
            total: 30,
            partitions: 12,
            next: 4,
            startedAt: 1,
            round: 3,
            width: 2,
            maxConcurrency: 64,
            counts,
        },
        ...{ processes: { p: 7 }, useful: 60, roundWorkers: 2, roundConcurrency: 64 },
        leases: {
            r3w1: { ...anyLease, share: { slot: 1, of: 2 }, to: 2, crashes: 0, base: noCounts(), resumed: [], since: 3, againAt: null },
        },
        answered: { r3w1: { seq: 1, reply: { kind: 'work', lease: { ...anyLease, share: { slot: 1, of: 2 } } } } },
    };
    const v4 = () => ({ ...without(ledgerDocument.write(running), ...Object.keys(lacking)), v: 4 });

    test('4 of the ledger knew neither canary nor budget', () => {
        expect(ledgerDocument.read(v4())).toEqual({ ...running, ...lacking });
    });

    test('3 of the ledger knew of no limits but the job’s own', () => {
        const v3 = { ...without(v4(), 'roundWorkers', 'useful', 'processes'), v: 3 };
        expect(ledgerDocument.read(v3)).toEqual({ ...running, ...lacking, roundWorkers: 2, useful: null, processes: {} });
    });

    test('2 of the ledger had leases that said neither their share nor what came before them', () => {
        const older = without(anyLease, 'share', 'before', 'first', 'ending', 'generation');
        const held = { ...older, to: 2, crashes: 0, base: noCounts(), resumed: [], since: 3, againAt: null };
        const v2 = {
            ...{ v: 2, jobId: 'j', state: 'running', total: 30, invalid: 0, partitions: 12, next: 4, returned: [], parked: [], round: 3 },
            ...{
                counts,
                closed: 0,
                epoch: 1,
                width: 2,
                maxConcurrency: 64,
                endsAs: null,
                quarantine: null,
                rate: 0,
                limits: {},
                failures: [],
            },
            ...{ leases: { r3w1: held }, answered: {}, startedAt: 1, crashed: {}, crashes: 0 },
        };
        const read = ledgerDocument.read(v2);
        expect(read).toMatchObject({ ...lacking, state: 'running', width: 2, roundConcurrency: 64 });
        expect(read.leases.r3w1).toMatchObject({ epoch: 1, share: { slot: 1, of: 2 } });
    });

    test('1 of the ledger lacked all of that', () => {
        expect(ledgerDocument.read({ jobId: 'j' })).toEqual(newLedger('j'));
    });

    test('of the ledger goes on as it was: its workers end their leases, and others begin', () => {
        let state = ledgerDocument.read(v4());
        const tell = (operation: Parameters<typeof reduceLedger>[1]) => {
            const done = reduceLedger(state, operation, 1_000);
            state = done.state;
            return done.reply;
        };
        const report = {
            epoch: 1,
            closed: 2,
            counts,
            open: [],
            unreached: [],
            untouched: 2,
            failures: [],
            rate: 1,
            limit: null,
            worked: true,
        };
        const reply = tell({ op: 'lease', round: 3, worker: 'r3w1', slot: 1, seq: 2, report });
        expect(reply).toMatchObject({ kind: 'work', lease: { from: 4 } });
        // What a slice of this version says of a job without a budget does no harm.
        const { lease } = reply as { lease: { epoch: number } };
        const further = { ...report, epoch: lease.epoch, untouched: 5, spent: { ...spent, resumed: 0 } };
        expect(tell({ op: 'lease', round: 3, worker: 'r3w1', slot: 1, seq: 3, report: further })).toMatchObject({ kind: 'work' });
        expect(state).toMatchObject({ reached: null, spent });
        // A budget that a user gives it by a patch is kept to.
        tell({ op: 'control', generation: 3, desired: 'run', budget: { failures: 2, minimum: 50, then: 'pause' } });
        expect(state.reached).toMatchObject({ limit: 'failures' });
    });

    test('3 of the control document knew neither approval nor budget, nor when a job was resumed', () => {
        const written = documents.controlDocument.write(controlAfter('pause', 'resume'));
        const v3 = { ...without(written, 'approval', 'resumed'), v: 3 };
        expect(documents.controlDocument.read(v3)).toEqual({ ...controlAfter('pause', 'resume'), resumed: 0 });
        expect(documents.controlDocument.read(v3)).toMatchObject({ generation: 2, desired: 'run', approval: null });
    });

    test('2 of an operation, and the reports of before, say nothing of them', () => {
        expect(
            operationMessage.read({ v: 2, op: 'open', jobId: 'j', total: 1, invalid: 0, partitions: 1, maxConcurrency: 4, deadline: 5 }),
        ).toEqual({
            ...{ op: 'open', jobId: 'j', total: 1, invalid: 0, partitions: 1, maxConcurrency: 4, deadline: 5 },
        });
        const told = operationMessage.read({ v: 2, op: 'control', generation: 3, desired: 'run' }) as OperationOf<'control'>;
        expect(told).toEqual({ op: 'control', generation: 3, desired: 'run' });
        // A word that says nothing of the budget, or of the canary, takes nothing of them back.
        const canary = { items: 3, partitions: 1, timeoutMs: 60_000, ranForMs: 7, until: null, verdict: 'approved' as const };
        const { state } = reduceLedger({ ...ledger(), state: 'running', canary }, told, 5);
        expect(state).toMatchObject({ budget, resumed: 3, spent, canary });
    });
});
