// A canary and a budget in the ledger: what is given out, when nothing more is, and what is told of that.
import type { Budget } from '../../../src/core/budget';
import { noCounts } from '../../../src/core/counts';
import type { Lease, SliceDone } from '../../../src/core/ledger';
import { groupOf } from '../../support/failureGroup';
import { LedgerJob } from '../../support/ledgerJob';

const budget = (over: Partial<Budget> = {}): Budget => ({ failures: 8, minimum: 50, then: 'pause', ...over });
/** What a slice says that has worked, and of whose items so many have come to an end, some of them as failures. */
const worked = (settled: number, failed: number, over: Partial<SliceDone> = {}): Partial<SliceDone> => ({
    worked: true,
    spent: { settled, failed, codes: failed > 0 ? { TIMEOUT: failed } : {}, resumed: 0 },
    failures: failed > 0 ? [groupOf('TIMEOUT', failed, 'no answer in time')] : [],
    ...over,
});
/** The same of one that has closed all that it was given. */
const closed = ({ from, to, resume }: Lease, settled: number, failed: number): Partial<SliceDone> => ({
    ...worked(settled, failed),
    ...{ closed: to - from + resume.length, counts: { ...noCounts(), succeeded: settled - failed, failed }, untouched: to, unreached: [] },
});

describe('a budget', () => {
    test('is given out in parts, with the leases; the more has failed, the fewer workers there are', () => {
        const job = new LedgerJob(128, 1_000, { budget: budget() });
        expect(job.workers()).toBe(4);
        const leases = [0, 1, 2, 3].map((slot) => job.leased(slot));
        expect(leases.map(({ budget: part }) => part!.allowance.failures)).toEqual([2, 2, 2, 2]);
        expect(leases[0]!.budget).toMatchObject({ of: budget(), resumed: 0 });
        // Six have failed: what is left is worth two workers.
        expect(job.back(0, leases[0]!, worked(100, 6))).toMatchObject({ kind: 'stop', why: 'there is work for another number of workers' });
    });

    test('whose rest others hold is waited for, where there is something to do', () => {
        const job = new LedgerJob(64, 1_000, { budget: budget({ failures: 2 }) });
        expect(job.workers()).toBe(2);
        const [one, other] = [job.leased(0), job.leased(1)];
        expect(job.back(0, one, worked(10, 1))).toMatchObject({ kind: 'stop', why: 'there is work for another number of workers' });
        expect(job.back(1, other, worked(10, 0)).kind).toBe('stop');
        const early = new LedgerJob(64, 1_000, { budget: budget({ failures: undefined, percent: 50, minimum: 5 }) });
        early.workers();
        early.leased(0);
        // Until five have settled, one is at work, in a round of one.
        expect(early.state.width).toBe(1);
    });

    test('whose rest somebody holds who may be gone is waited for no longer than a minute', () => {
        const job = new LedgerJob(96, 1_000, { budget: budget({ failures: 3 }) });
        expect(job.workers()).toBe(3);
        const [held] = [0, 1, 2].map((slot) => job.leased(slot));
        // All that is left is in the hands of the two others, whose workers are gone.
        expect(job.back(0, held!, worked(10, 1))).toMatchObject({ kind: 'wait', code: 'WORK' });
        job.now += 59_000;
        expect(job.ask(0)).toMatchObject({ kind: 'wait', code: 'WORK' });
        job.now += 2_000;
        expect(job.ask(0).kind).toBe('stop');
        // The next round takes over what they have left.
        expect(job.workers()).toBe(2);
        expect([job.leased(0).first, job.leased(1).first]).toEqual([3, 2]);
    });

    test('a limit that is reached stops the round, is told with the kinds of failure that did it, and asks for a pause when the round is through', () => {
        const job = new LedgerJob(64, 1_000, { budget: budget() });
        job.workers();
        const [one, other] = [job.leased(0), job.leased(1)];
        const over = { generation: 0, then: 'pause', why: '9 items have failed; budget.failures is 8' };
        expect(job.back(0, one, worked(100, 9))).toEqual({ kind: 'stop', why: over.why, over });
        expect(job.back(1, other, worked(100, 3))).toMatchObject({
            kind: 'stop',
            over: { why: '12 items have failed; budget.failures is 8' },
        });
        expect(job.settle()).toEqual({ kind: 'over', ...over, why: '12 items have failed; budget.failures is 8' });
        expect(job.state.reached).toMatchObject({ limit: 'failures', groups: [{ code: 'TIMEOUT', count: 12 }] });
        // Once, however many reports say so.
        const told = [...job.state.timeline.first, ...job.state.timeline.last].filter(({ kind }) => kind === 'budget');
        expect(told).toEqual([
            {
                ...{ at: job.now, generation: 0, kind: 'budget', limit: '/budget/failures', why: over.why },
                groups: [{ code: 'TIMEOUT', message: 'no answer in time', count: 9 }],
            },
        ]);
        job.tell({ op: 'control', generation: 1, desired: 'pause' });
        expect(job.settle()).toMatchObject({ kind: 'wait', code: 'PAUSED' });
    });

    test('failures before a resume count no more, whoever tells of them then', () => {
        const job = new LedgerJob(64, 1_000, { budget: budget() });
        job.workers();
        const [one, other] = [job.leased(0), job.leased(1)];
        job.back(0, one, worked(100, 9));
        job.tell({ op: 'control', generation: 2, desired: 'run', resumed: 2 });
        expect(job.state).toMatchObject({ reached: null, spent: { failed: 0 }, recentFailures: [] });
        // This slice has not heard of it, and its failures are of before.
        job.back(1, other, worked(100, 7));
        expect(job.state.spent.failed).toBe(0);
        job.workers();
        // This one has: what was in flight counts.
        const { resumed } = job.leased(0).budget!;
        expect(resumed).toBe(2);
        const said = worked(5, 3);
        job.back(0, job.state.leases.r2w0!, { ...said, spent: { ...said.spent!, resumed: 2 } });
        expect(job.state.spent).toMatchObject({ settled: 5, failed: 3 });
    });

    test('no part of it is given while a lease of another one is out, or of before a resume', () => {
        const job = new LedgerJob(64, 1_000, { budget: budget() });
        job.workers();
        const [one, other] = [job.leased(0), job.leased(1)];
        job.tell({ op: 'control', generation: 1, desired: 'run', budget: budget({ failures: 100 }) });
        expect(job.back(0, one, worked(9, 1))).toMatchObject({ kind: 'wait', code: 'WORK' });
        expect(job.back(1, other, worked(9, 1))).toMatchObject({ kind: 'work', lease: { budget: { of: { failures: 100 } } } });
        job.now += 1_000;
        expect(job.ask(0).kind).toBe('work');
    });

    test('that is changed while its limit is reached is kept to as it is then: the round begins anew with all its workers', () => {
        const job = new LedgerJob(64, 1_000, { budget: budget() });
        job.workers();
        const [one, other] = [job.leased(0), job.leased(1)];
        expect(job.back(0, one, worked(100, 9)).kind).toBe('stop');
        job.tell({ op: 'control', generation: 1, desired: 'run', budget: budget({ failures: 100 }) });
        expect(job.state.reached).toBeNull();
        // One was sent away: the other does not work on alone.
        expect(job.back(1, other, worked(9, 0)).kind).toBe('stop');
        expect(job.workers()).toBe(2);
        job.tell({ op: 'control', generation: 2, desired: 'run', budget: budget({ failures: 9 }) });
        expect(job.settle()).toMatchObject({ kind: 'over', generation: 2 });
        job.tell({ op: 'control', generation: 3, desired: 'run', budget: null });
        expect(job.settle()).toMatchObject({ kind: 'work' });
        expect(job.leased(0).budget).toBeUndefined();
    });

    test('that is reached by the last items stops nothing: the job ends as any other', () => {
        const job = new LedgerJob(32, 1, { budget: budget({ failures: 2 }) });
        job.workers();
        const lease = job.leased(0);
        expect(job.back(0, lease, closed(lease, 100, 2))).toMatchObject({
            kind: 'stop',
            why: expect.stringContaining('finished') as string,
        });
        expect(job.settle()).toMatchObject({ kind: 'done', as: 'completed' });
    });

    test('does not keep from being recorded what is left of a job that ends', () => {
        const job = new LedgerJob(64, 1_000, { budget: budget() });
        job.workers();
        job.slice(0, worked(100, 9));
        job.tell({ op: 'control', generation: 1, desired: 'cancel', ending: 'overBudget' });
        expect(job.workers()).toBe(2);
        expect(job.leased(0)).toMatchObject({ mode: 'cancel', ending: 'overBudget' });
        expect(job.state.leases.r2w0!.budget).toBeUndefined();
    });
});

describe('a canary', () => {
    const canary = { items: 200, partitions: 2, timeoutMs: 60_000 };
    const judgedAs = (job: LedgerJob, approval: 'approved' | 'rejected' | null, generation = 1) =>
        job.tell({
            ...{ op: 'judged', asks: approval === null, generation: approval ? generation : 0 },
            ...{ desired: approval === 'rejected' ? 'cancel' : 'run', ending: approval === 'rejected' ? 'rejected' : null },
            ...(approval ? { approval } : {}),
        });
    /** Its canary has come to its end. */
    function through(): LedgerJob {
        const job = new LedgerJob(128, 10, { canary });
        expect(job.state.state).toBe('canary');
        expect(job.workers()).toBe(2);
        const leases = [0, 1].map((slot) => job.leased(slot));
        expect(leases.map(({ from, to, more }) => [from, to, more])).toEqual([
            [0, 1, true],
            [1, 2, undefined],
        ]);
        for (const [slot, lease] of leases.entries()) job.back(slot, lease, closed(lease, 100, 0));
        return job;
    }

    test('runs alone, and when it is through somebody has to say what comes after it', () => {
        const job = through();
        expect(job.ask(0)).toMatchObject({ kind: 'stop' });
        job.now += 5_000;
        expect(job.settle()).toMatchObject({ kind: 'judge', generation: 0, partitions: 2, ranForMs: 5_000, overdue: false });
        expect(judgedAs(job, null)).toEqual({ kind: 'ok', state: 'awaitingApproval' });
        expect(job.settle()).toMatchObject({ kind: 'wait', code: 'APPROVAL', until: job.now + 60_000 });
        expect(job.ask(0)).toMatchObject({ kind: 'stop' });
        // Told twice, nobody has longer for it.
        job.now += 30_000;
        judgedAs(job, null);
        expect(job.state.canary!.until).toBe(job.now + 30_000);
        job.now += 30_000;
        expect(job.settle()).toMatchObject({ kind: 'judge', overdue: true });
    });

    test('approved, everything else is given; rejected, what is left is skipped', () => {
        const yes = through();
        yes.settle();
        expect(judgedAs(yes, 'approved')).toEqual({ kind: 'ok', state: 'running' });
        expect(yes.workers()).toBe(4);
        expect(yes.leased(0)).toMatchObject({ from: 2, mode: 'normal' });
        const no = through();
        no.settle();
        judgedAs(no, null);
        expect(no.tell({ op: 'control', generation: 1, desired: 'cancel', ending: 'rejected', approval: 'rejected' })).toMatchObject({
            state: 'cancelling',
        });
        no.workers();
        expect(no.leased(0)).toMatchObject({ from: 2, mode: 'cancel', ending: 'rejected' });
        expect(no.state.canary!.verdict).toBe('rejected');
    });

    test('of all items is judged by nobody: nothing comes after it', () => {
        const job = new LedgerJob(32, 1, { canary: { items: 100, partitions: 1, timeoutMs: 60_000 } });
        job.workers();
        const lease = job.leased(0);
        job.back(0, lease, closed(lease, 100, 100));
        expect(job.settle()).toMatchObject({ kind: 'done', as: 'completed' });
    });

    test('whose look storage refuses for good ends the job by that', () => {
        const job = through();
        job.settle();
        job.tell({ op: 'giveUp', error: { code: 'STORAGE_REFUSED', message: 'm' } });
        expect(job.settle()).toMatchObject({ kind: 'done', as: 'failed', error: { code: 'STORAGE_REFUSED' } });
        const asked = through();
        judgedAs(asked, null);
        asked.tell({ op: 'giveUp', error: { code: 'STORAGE_REFUSED', message: 'm' } });
        expect(asked.settle()).toMatchObject({ kind: 'done', as: 'failed' });
    });

    test('and a pause that came when it was through: resumed, it is looked at again', () => {
        const job = through();
        job.settle();
        job.tell({ op: 'control', generation: 1, desired: 'pause' });
        expect(job.tell({ op: 'judged', asks: true, generation: 1, desired: 'pause' })).toMatchObject({ state: 'paused' });
        expect(job.settle()).toMatchObject({ kind: 'wait', code: 'PAUSED' });
        expect(job.tell({ op: 'control', generation: 2, desired: 'run', resumed: 2 })).toMatchObject({ state: 'canary' });
        expect(job.settle()).toMatchObject({ kind: 'judge' });
        // Approved while it stood still: it goes on standing still.
        job.tell({ op: 'control', generation: 3, desired: 'pause', approval: 'approved' });
        expect(job.state.state).toBe('paused');
        job.tell({ op: 'control', generation: 4, desired: 'run', approval: 'approved', resumed: 4 });
        expect(job.state.state).toBe('running');
    });

    test('waits for a deadline no longer than for a word', () => {
        const job = through();
        judgedAs(job, null);
        job.tell({ op: 'control', generation: 1, desired: 'run', deadline: job.now + 10_000 });
        expect(job.settle()).toMatchObject({ kind: 'wait', until: job.now + 10_000 });
        job.now += 10_000;
        expect(job.settle()).toMatchObject({ kind: 'expire' });
    });

    test('stands still by a budget as the rest would, and goes on as a canary', () => {
        const job = new LedgerJob(128, 10, { canary, budget: budget() });
        job.workers();
        const lease = job.leased(0);
        expect(job.back(0, lease, worked(20, 9))).toMatchObject({ kind: 'stop', over: { then: 'pause' } });
        expect(job.settle()).toMatchObject({ kind: 'over' });
        job.tell({ op: 'control', generation: 1, desired: 'pause' });
        job.tell({ op: 'control', generation: 2, desired: 'run', resumed: 2 });
        expect(job.state.state).toBe('canary');
    });
});
