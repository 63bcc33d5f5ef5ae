// The story of a job: plan it, let workers run until the ledger says that nothing is left, fold the outcomes.
import type { OrchestrationContext, OrchestrationHandler } from 'durable-functions';
import type { FoldInput, FoldReply } from '../activities/foldJob';
import type { SettleReply } from '../core/ledger';
import type { PlanReply } from '../core/plan';
import { reason } from './reason';
import { after, insist, tellLedger, type Step } from './tellLedger';

export interface RunJobInput {
    jobId: string;
    /** After this many rounds history starts anew; what comes over from the last generation. */
    startedAt?: string;
    /** How often the job was opened again because outcomes were missing when it was folded. */
    mends?: number;
}

/** An event that only says "ask the ledger again"; a lost or doubled one does no harm. */
export const WAKE = 'wake';
interface Wake {
    cancel?: boolean;
}

/** Tries at an activity whose process dies. */
const ATTEMPTS = 10;
const ROUNDS = 25;
/** However far off the next retry is, the ledger is asked again after this long: an event may be lost. */
const MAX_WAIT_MS = 300_000;

export const runJob: OrchestrationHandler = function* (context: OrchestrationContext) {
    const { jobId, startedAt: resumedFrom, mends: mended = 0 } = context.df.getInput<RunJobInput>();
    const startedAt = resumedFrom ?? context.df.currentUtcDateTime.toISOString();

    if (!resumedFrom) {
        const plan = yield* planned(context, jobId);
        if (!plan.ok) {
            const as = plan.error.code === 'CANCELLED' ? 'cancelled' : 'failed';
            const end = yield* folded(context, { jobId, as, startedAt, error: plan.error });
            return yield* recorded(context, jobId, 'state' in end ? end.state : as);
        }
        yield* tellLedger(context, jobId, {
            op: 'open',
            jobId,
            total: plan.total,
            invalid: plan.invalid,
            partitions: plan.partitions,
            maxConcurrency: plan.concurrency,
        });
    }

    let cancel = false;
    let mends = mended;
    for (let round = 0; round < ROUNDS; round++) {
        const next = (yield* tellLedger(context, jobId, { op: 'settle', cancel })) as SettleReply;
        if (next.kind === 'ended') return { jobId, state: next.state };
        if (next.kind === 'done') {
            const end = yield* folded(context, { jobId, as: next.as, startedAt, mends });
            if ('state' in end) return yield* recorded(context, jobId, end.state);
            // Storage has lost outcomes that it had acknowledged: their items are called again.
            const { lacking: parts, counts, closed } = end;
            yield* tellLedger(context, jobId, { op: 'reopen', mend: ++mends, parts, counts, closed });
        } else if (next.kind === 'work') yield* workers(context, jobId, next);
        else cancel = (yield* woken(context, next.until)) || cancel;
    }
    context.df.continueAsNew({ jobId, startedAt, mends } satisfies RunJobInput);
};

function* planned(context: OrchestrationContext, jobId: string): Step<PlanReply> {
    try {
        return (yield* persistently(context, 'planJob', { jobId })) as PlanReply;
    } catch (error) {
        // planJob returns what is wrong with the source; what is thrown is the death of its process or of storage.
        return { ok: false, error: { code: 'PLAN_FAILED', message: `Planning failed ${ATTEMPTS} times, last: ${reason(error)}` } };
    }
}

const persistently = (context: OrchestrationContext, activity: string, input: unknown): Step<unknown> =>
    insist(context, () => context.df.callActivity(activity, input), ATTEMPTS, 60_000);

function* workers(context: OrchestrationContext, jobId: string, { workers: count, round }: { workers: number; round: number }): Step<void> {
    const running = Array.from({ length: count }, (_, slot) =>
        context.df.callSubOrchestrator('runworker', { jobId, round, slot }, `${jobId}-r${round}w${slot}`),
    );
    try {
        yield context.df.Task.all(running);
    } catch (error) {
        // A worker that fails is no end of the job: the next round takes back what it held.
        if (!context.df.isReplaying) console.warn(`a worker of job ${jobId} failed: ${reason(error)}`);
        yield context.df.createTimer(after(context, 1000));
    }
}

/** Waits until the time (ms) or an event, whichever is first; says whether the event asked to cancel. */
function* woken(context: OrchestrationContext, until: number): Step<boolean> {
    const longest = context.df.currentUtcDateTime.getTime() + MAX_WAIT_MS;
    const timer = context.df.createTimer(new Date(Math.min(until, longest)));
    const event = context.df.waitForExternalEvent(WAKE);
    const first = yield context.df.Task.any([event, timer]);
    if (first !== event) return false;
    timer.cancel();
    return (event.result as Wake | null)?.cancel === true;
}

function* folded(context: OrchestrationContext, input: FoldInput): Step<FoldReply> {
    return (yield* persistently(context, 'foldJob', input)) as FoldReply;
}

/** Tells the ledger how the job has ended. */
function* recorded(context: OrchestrationContext, jobId: string, state: FoldInput['as']): Step<{ jobId: string; state: string }> {
    const reply = yield* tellLedger(context, jobId, { op: 'end', state });
    return { jobId, state: reply.kind === 'ok' ? reply.state : state };
}
