// What writes to the control document that a limit of the budget is reached, or what becomes of a canary: beside users, who may have been quicker.
import { RestError } from '@azure/storage-blob';
import { findCanary } from '../../../src/activities/canaryFindings';
import { judgeCanary } from '../../../src/activities/judgeCanary';
import { stopOverBudget } from '../../../src/activities/stopOverBudget';
import { jobSpec, type JobSpecInput } from '../../../src/contracts/jobSpec';
import { noCalls } from '../../../src/core/callStats';
import { moved, newControl, retuned, limitsOf, type Control } from '../../../src/core/control';
import { noCounts } from '../../../src/core/counts';
import type { JobStore } from '../../../src/storage/jobStore';
import { troubleOf } from '../../../src/storage/trouble';
import { controlAfter } from '../../support/moves';
import { noted } from '../../support/log';

jest.mock('../../../src/activities/canaryFindings');

const { log } = noted();
const asked = { by: 'user', at: 0 };

/** A job whose control document somebody may change between the look at it and the change. */
function storeOf(control: Control, given: Partial<JobSpecInput> = {}, meanwhile: (control: Control) => Control | null = () => null) {
    const spec = jobSpec.parse({ source: { blob: 'x' }, process: { processor: 'digest' }, ...given });
    const held = { control, refused: null as Error | null, isGone: false };
    const store = {
        readJob: async (id: string) => (held.isGone ? null : { id, createdAt: new Date(0).toISOString(), spec }),
        readControl: async () => held.control,
        changeControl: async (_id: string, change: (now: Control) => Control | null) => {
            if (held.refused) throw held.refused;
            // Refused for what stands there by now, and done again.
            change(held.control);
            held.control = meanwhile(held.control) ?? held.control;
            return (held.control = change(held.control) ?? held.control);
        },
        diagnose: async (error: unknown) => troubleOf(error),
    } as unknown as JobStore;
    return { store, held, spec };
}

describe('stopping a job by its budget', () => {
    const stop = (store: JobStore, then: 'pause' | 'cancel', generation = 0) =>
        stopOverBudget({ jobId: 'j', generation, then, why: '20 items have failed' }, store, log);

    test('pauses it, or cancels it by that name, and says why', async () => {
        const paused = storeOf(newControl());
        expect(await stop(paused.store, 'pause')).toMatchObject({
            kind: 'control',
            control: { generation: 1, desired: 'pause', ending: null },
        });
        expect(paused.held.control.changes.first).toMatchObject([
            { kind: 'move', move: 'pause', by: 'budget', reason: '20 items have failed' },
        ]);
        const cancelled = storeOf(newControl());
        expect(await stop(cancelled.store, 'cancel')).toMatchObject({ control: { desired: 'cancel', ending: 'overBudget' } });
    });

    test('once, however often it is asked for', async () => {
        const { store, held } = storeOf(newControl());
        await stop(store, 'pause');
        const { control } = held;
        expect(await stop(store, 'pause')).toMatchObject({ control: { generation: 1, desired: 'pause' } });
        expect(held.control).toBe(control);
    });

    test.each<[string, Control, (control: Control) => Control | null]>([
        ['has resumed it since the ledger last heard', controlAfter('pause', 'resume'), () => null],
        ['resumes it at that moment', controlAfter('pause'), (control) => moved(control, 'resume', asked)],
    ])('leaves it alone where somebody %s', async (_what, control, meanwhile) => {
        const { store, held } = storeOf(control, {}, meanwhile);
        expect(await stop(store, 'pause', 1)).toMatchObject({ kind: 'control', control: { generation: 2, desired: 'run', resumed: 2 } });
        expect(held.control.desired).toBe('run');
    });

    test('leaves it alone where another budget is in force since', async () => {
        const { store, held, spec } = storeOf(newControl(), { budget: { failures: 1 } }, (control) =>
            control.generation > 0 ? null : retuned(control, spec, { ...limitsOf(spec, control), budget: undefined }, asked),
        );
        expect(await stop(store, 'cancel')).toMatchObject({ control: { desired: 'run', budget: null } });
        expect(held.control.desired).toBe('run');
    });

    test.each(['pause', 'cancel'] as const)('takes no %s back', async (move) => {
        const { store, held } = storeOf(controlAfter(move));
        await stop(store, 'cancel', 1);
        expect(held.control.changes.first).toMatchObject([{ by: 'test', move }]);
    });

    test('that storage does not let it write is told', async () => {
        const { store, held } = storeOf(newControl());
        held.refused = new RestError('no', { statusCode: 403 });
        expect(await stop(store, 'pause')).toMatchObject({ kind: 'trouble', trouble: { code: 'STORAGE_REFUSED' } });
        held.isGone = true;
        expect(await stop(store, 'pause')).toMatchObject({ kind: 'trouble' });
    });
});

describe('the word on a canary', () => {
    const found = jest.mocked(findCanary);
    /** Of fifty items. */
    const finds = (failed: number) =>
        found.mockResolvedValue({ items: 50, counts: { ...noCounts(), succeeded: 50 - failed, failed } } as Awaited<
            ReturnType<typeof findCanary>
        >);
    beforeEach(() => void finds(0));
    const judge = (store: JobStore, overdue = false) =>
        judgeCanary({ jobId: 'j', partitions: 1, calls: noCalls(), ranForMs: 5, overdue }, store, log);
    const canary = (over: object = {}): Partial<JobSpecInput> => ({ canary: { items: 50, approval: 'automatic', maxPercent: 4, ...over } });

    test('is said by the share of its failures, where nobody is asked', async () => {
        for (const [failed, is, desired] of [
            [0, 'approved', 'run'],
            [2, 'approved', 'run'],
            [3, 'rejected', 'cancel'],
        ] as const) {
            finds(failed);
            const { store, held } = storeOf(newControl(), canary());
            expect(await judge(store)).toMatchObject({ kind: 'control', asks: false, control: { generation: 1, desired, approval: is } });
            expect(held.control.approval).toMatchObject({ is, by: 'canary' });
            expect(held.control.approval!.reason).toContain(`${failed} of 50 items`);
            expect(held.control.ending).toBe(is === 'rejected' ? 'rejected' : null);
        }
    });

    test('is left to a person, where one is asked, however many have failed', async () => {
        finds(50);
        const { store, held } = storeOf(newControl(), canary({ approval: 'manual' }));
        expect(await judge(store)).toMatchObject({ kind: 'control', asks: true, control: { generation: 0, desired: 'run' } });
        expect(held.control).toEqual(newControl());
    });

    test('is no when nobody has said one in time', async () => {
        const { store, held } = storeOf(newControl(), canary({ approval: 'manual', timeout: 'PT2H' }));
        expect(await judge(store, true)).toMatchObject({
            asks: false,
            control: { desired: 'cancel', ending: 'rejected', approval: 'rejected' },
        });
        expect(held.control.approval).toMatchObject({ by: 'timeout' });
        expect(held.control.approval!.reason).toContain('PT2H');
    });

    test.each<[string, 'approve' | 'reject', object, boolean]>([
        ['the share of failures', 'approve', {}, false],
        ['the share of failures', 'reject', {}, false],
        ['the timeout', 'approve', { approval: 'manual' }, true],
        ['the timeout', 'reject', { approval: 'manual' }, true],
    ])('that %s would say does not take back what somebody has said at that moment: %s', async (_what, move, over, overdue) => {
        finds(move === 'approve' ? 50 : 0);
        const { store, held } = storeOf(newControl(), canary(over), (control) => (control.approval ? null : moved(control, move, asked)));
        const is = move === 'approve' ? 'approved' : 'rejected';
        expect(await judge(store, overdue)).toMatchObject({ asks: false, control: { generation: 1, approval: is } });
        expect(held.control.approval).toMatchObject({ is, by: 'user' });
    });

    test('does not take back a pause, and is none on a job that is cancelled', async () => {
        const paused = storeOf(controlAfter('pause'), canary());
        // Nor is anything said of it then: resumed, the canary is looked at again.
        expect(await judge(paused.store)).toMatchObject({ asks: false, control: { generation: 1, desired: 'pause' } });
        expect(paused.held.control.approval).toBeNull();
        const cancelled = storeOf(controlAfter('cancel'), canary());
        expect(await judge(cancelled.store)).toMatchObject({
            asks: false,
            control: { generation: 1, desired: 'cancel', ending: 'cancelled' },
        });
        const asksNobody = storeOf(controlAfter('cancel'), canary({ approval: 'manual' }));
        expect(await judge(asksNobody.store)).toMatchObject({ asks: false });
    });

    test('that storage does not let it say, or find out, is told', async () => {
        const { store, held } = storeOf(newControl(), canary());
        held.refused = new RestError('no', { statusCode: 403 });
        expect(await judge(store)).toMatchObject({ kind: 'trouble', trouble: { code: 'STORAGE_REFUSED' } });
        held.refused = null;
        found.mockRejectedValueOnce(new RestError('no', { statusCode: 403 }));
        expect(await judge(store)).toMatchObject({ kind: 'trouble', trouble: { code: 'STORAGE_REFUSED' } });
        expect(held.control).toEqual(newControl());
        held.isGone = true;
        expect(await judge(store)).toMatchObject({ kind: 'trouble' });
    });
});
