// The story of a job: plan it, let workers run until the ledger says that nothing is left, fold the outcomes.
// It cannot fail: what goes wrong for longer than the story waits, it waits for, and begins a new generation.
import { Log } from '../log';
import type { OrchestrationContext, OrchestrationHandler } from 'durable-functions';
import { activities, events, orchestrators, workerInstance } from '../contracts/names';
import {
    expireInputMessage,
    expireReplyMessage,
    foldInputMessage,
    foldReplyMessage,
    judgeInputMessage,
    judgeReplyMessage,
    planInputMessage,
    planReplyMessage,
    runJobMessage,
    runWorkerMessage,
    stopInputMessage,
    stopReplyMessage,
    wakeMessage,
    type Ending,
    type FoldInput,
    type JobFailure,
    type RunJobInput,
    type Wake,
} from '../contracts/payloads';
import type { WaitCode } from '../core/codes';
import type { Failure } from '../core/errors';
import type { JudgedCanary, LedgerStep, OverBudget, Told } from '../core/ledger';
import { endStateOf } from '../core/control';
import type { PlanReply } from '../core/plan';
import { isHopeless, persisting, type Trouble } from '../core/trouble';
import { reason } from './reason';
import { after, insist, tellLedger, type Step } from './tellLedger';
import { readUnlessNewer, understood } from './understood';

/** Tries at an activity whose process dies. */
const ATTEMPTS = 10;
/** Rounds of one generation: history must stay short. */
const ROUNDS = 25;
/** However far off the next retry is, the ledger is asked again after this long: an event may be lost. */
const MAX_WAIT_MS = 300_000;
/** A job that stands still, or is not to start yet, is looked at so often: what wakes it may be lost, but the sweeper finds that out. */
const LOOK_MS = 3_600_000;
/** Between two questions that nothing has happened between, at least. */
const AGAIN_MS = 1_000;
/** After all tries at a step have failed, the story stands still for so long. */
const STANDSTILL_MS = 60_000;
/** Between a worker that has failed and the next round, at least. */
const BROKEN_PAUSE_MS = 1_000;

/** An orchestrator is replayed: it logs nothing without asking whether it is. */
const logOf = (context: OrchestrationContext, job: string): Log => new Log(context, { job });

/** What is told of a job that has ended. */
interface Ended {
    jobId: string;
    state: string;
}

export const runJob: OrchestrationHandler = function* (context: OrchestrationContext) {
    const input = yield* understood(context, runJobMessage);
    if (!input) return;
    let next: RunJobInput;
    try {
        const end = yield* generation(context, input);
        if ('state' in end) return end;
        next = end;
    } catch (error) {
        if (!context.df.isReplaying) logOf(context, input.jobId).warn('job stands still for a minute', {}, reason(error));
        yield context.df.createTimer(after(context, STANDSTILL_MS));
        next = input;
    }
    context.df.continueAsNew(runJobMessage.write(next));
};

/** A bounded number of steps; then the job has ended, or the next generation goes on from what this one gives it. */
function* generation(context: OrchestrationContext, input: RunJobInput): Step<Ended | RunJobInput> {
    const { jobId } = input;
    const story: Story = { ...input, startedAt: input.startedAt ?? context.df.currentUtcDateTime.toISOString() };
    let seen = 0;
    for (let round = 0; round < ROUNDS; round++) {
        if (story.ending) {
            const end = yield* folded(context, story, story.ending);
            if (end) return end;
        } else if (!story.planned) yield* planned(context, story);
        else {
            const next = yield* tellLedger(context, jobId, { op: 'settle', seen });
            if (next.kind === 'work') yield* workers(context, jobId, next);
            else if (next.kind === 'wait')
                seen = Math.max(seen, (yield* woken(context, next.until, longestWait(next.code))).generation ?? 0);
            else if (next.kind === 'expire') yield* expired(context, story, next.generation);
            else if (next.kind === 'over') yield* stopped(context, story, next);
            else if (next.kind === 'judge') yield* judged(context, story, next);
            // An ended job that is told of here has no summary: it was brought to its end and did not come so far.
            else {
                if (next.startedAt) story.startedAt = new Date(next.startedAt).toISOString();
                story.ending = {
                    as: next.kind === 'done' ? next.as : next.state,
                    total: next.total,
                    invalid: next.invalid,
                    error: next.error,
                    ...knownIn(next),
                };
            }
        }
    }
    return story;
}

type Story = RunJobInput & { startedAt: string };

/** Only jobs of this version on tell the ledger of more than its predecessors did: an orchestration decides again as it has decided. */
const tellsSteps = (context: OrchestrationContext): boolean => Number(context.df.version ?? '1.0') >= 1.1;

function* planned(context: OrchestrationContext, story: Story): Step<void> {
    const { jobId } = story;
    const plan = yield* planOnce(context, story);
    if (plan.ok) {
        const { total, invalid, partitions, concurrency: maxConcurrency, deadline = null, canary, budget } = plan;
        const alone = { ...(canary ? { canary } : {}), ...(budget ? { budget } : {}) };
        yield* tellLedger(context, jobId, { op: 'open', jobId, total, invalid, partitions, maxConcurrency, deadline, ...alone });
        Object.assign(story, { planned: true, trouble: undefined });
        return;
    }
    if (plan.startAt !== undefined) return yield* scheduled(context, story, plan.startAt);
    const ends = function* (error: JobFailure): Step<void> {
        const found = error.code === 'CANCELLED' ? 'cancelled' : error.code === 'EXPIRED' ? 'expired' : 'failed';
        // What storage refuses makes no failure of a job that is not wanted any more.
        const { as = found, ...known } = yield* knownOf(context, jobId, found);
        Object.assign(story, { ending: { as, total: null, invalid: error.invalid ?? 0, error, ...known }, trouble: undefined });
    };
    if (!plan.trouble) return yield* ends(plan.error);
    const refused = hopeless(context, story, plan.trouble);
    if (refused) return yield* ends(refused);
    const { cancel } = yield* troubled(context, story, 'plan');
    // What is wanted stands in the control document, which planning reads; orchestrations of version 1.0 went by the event alone.
    if (cancel && !tellsSteps(context))
        yield* ends({ code: 'CANCELLED', message: `the job was cancelled while it waited: ${plan.trouble.message}` });
}

/** What the ledger knows of a job that ends before there is anything to work on; it hears why. */
function* knownOf(context: OrchestrationContext, jobId: string, as: Ending['as']): Step<Known & { as?: Ending['as'] }> {
    if (!tellsSteps(context)) return {};
    const ends = as === 'cancelled' || as === 'expired' ? { ends: as } : {};
    const { told } = yield* tellLedger(context, jobId, { op: 'note', step: 'plan', ...ends });
    return { ...knownIn(told ?? {}), ...(told?.ending ? { as: endStateOf[told.ending] } : {}) };
}

const knownIn = ({ entered, calls, crashes, ending }: Partial<Told>): Known => ({
    ...(entered ? { entered } : {}),
    ...(calls ? { calls } : {}),
    ...(crashes ? { crashes } : {}),
    ...(ending ? { ending } : {}),
});

type Known = Pick<Ending, 'entered' | 'calls' | 'crashes' | 'ending'>;

/** Waits until the job is to start, and then has it planned; what is wanted of it meanwhile, planning finds out. */
function* scheduled(context: OrchestrationContext, story: Story, startAt: number): Step<void> {
    const { state } = yield* tellLedger(context, story.jobId, { op: 'schedule', startAt });
    // Clocks differ: what one calls the time has not come by another, and asking again at once would go on until it has.
    if (state !== 'scheduled') return void (yield context.df.createTimer(after(context, AGAIN_MS)));
    const { cancel } = yield* woken(context, startAt, LOOK_MS);
    if (!cancel) yield* tellLedger(context, story.jobId, { op: 'schedule', startAt });
}

/** Tells the ledger of the trouble that a step has, and waits until it is tried again; gives what the job was woken up for. */
function* troubled(context: OrchestrationContext, { jobId, trouble }: Story, step: LedgerStep): Step<Wake> {
    if (tellsSteps(context)) yield* tellLedger(context, jobId, { op: 'note', step, trouble: trouble ?? null });
    return yield* woken(context, trouble!.until);
}

/** The deadline has come: it is written to the control document, which may say otherwise, and the ledger hears what stands there. */
function* expired(context: OrchestrationContext, story: Story, generation: number): Step<void> {
    const { jobId } = story;
    const reply = expireReplyMessage.read(yield* persistently(context, activities.expireJob, expireInputMessage.write({ jobId })));
    if (reply.kind === 'control') {
        yield* tellLedger(context, jobId, { op: 'control', ...reply.control });
        story.trouble = undefined;
        // By the clock that was asked the time has not come, or it was put off.
        if (reply.control.desired !== 'cancel') yield context.df.createTimer(after(context, AGAIN_MS));
    } else if (hopeless(context, story, reply.trouble, true)) {
        // Where storage lets nobody write it, the ledger alone knows of it.
        yield* tellLedger(context, jobId, { op: 'control', generation, desired: 'cancel', ending: 'expired' });
        story.trouble = undefined;
    } else yield* troubled(context, story, 'expire');
}

/** A limit of the budget is reached: the job is paused or cancelled by that, unless its control document says more than the ledger has heard of. */
function* stopped(context: OrchestrationContext, story: Story, { generation, then, why }: OverBudget): Step<void> {
    const { jobId } = story;
    const input = stopInputMessage.write({ jobId, generation, then, why });
    const reply = stopReplyMessage.read(yield* persistently(context, activities.stopOverBudget, input));
    if (reply.kind === 'control') {
        yield* tellLedger(context, jobId, { op: 'control', ...reply.control });
        story.trouble = undefined;
        // It says nothing that the ledger had not heard, and the job is to go on: it is not asked again at once.
        if (reply.control.desired === 'run') yield context.df.createTimer(after(context, AGAIN_MS));
    } else yield* withstood(context, story, 'budget', reply.trouble);
}

/** The canary has come to its end, or nobody has said a word on it in time. */
function* judged(context: OrchestrationContext, story: Story, { partitions, calls, ranForMs, overdue }: JudgedCanary): Step<void> {
    const { jobId } = story;
    const input = judgeInputMessage.write({ jobId, partitions, calls, ranForMs, overdue });
    const reply = judgeReplyMessage.read(yield* persistently(context, activities.judgeCanary, input));
    if (reply.kind === 'trouble') return yield* withstood(context, story, 'canary', reply.trouble);
    const { control, asks } = reply;
    const { state } = yield* tellLedger(context, jobId, { op: 'judged', asks, ...control });
    story.trouble = undefined;
    // By the clock that was asked, the time of whoever is to approve is not over.
    if (overdue && state === 'awaitingApproval') yield context.df.createTimer(after(context, AGAIN_MS));
}

/** Waits for what storage does not give; where it never does, the job ends by that. */
function* withstood(context: OrchestrationContext, story: Story, step: 'canary' | 'budget', trouble: Trouble): Step<void> {
    const refused = hopeless(context, story, trouble);
    if (refused) {
        yield* tellLedger(context, story.jobId, { op: 'giveUp', error: refused });
        story.trouble = undefined;
    } else yield* troubled(context, story, step);
}

function* planOnce(context: OrchestrationContext, story: Story): Step<PlanReply> {
    let reply: unknown;
    try {
        reply = yield* step(context, story, 'plan', activities.planJob, planInputMessage.write({ jobId: story.jobId }));
    } catch (error) {
        // planJob returns what is wrong with the source and with storage; what is thrown is the death of its process.
        return { ok: false, error: { code: 'PLAN_FAILED', message: `Planning failed ${ATTEMPTS} times, last: ${reason(error)}` } };
    }
    return readUnlessNewer(planReplyMessage, reply, (trouble) => ({ ok: false, trouble }));
}

const persistently = (context: OrchestrationContext, activity: string, input: unknown): Step<unknown> =>
    insist(context, () => context.df.callActivity(activity, input), ATTEMPTS, 60_000);

/** The same for a step beside the slices, of whose deaths the ledger hears. */
function* step(context: OrchestrationContext, { jobId }: Story, name: 'plan' | 'fold', activity: string, input: unknown): Step<unknown> {
    if (!tellsSteps(context)) return yield* persistently(context, activity, input);
    for (let attempt = 1; ; attempt++) {
        try {
            return yield context.df.callActivity(activity, input);
        } catch (error) {
            yield* tellLedger(context, jobId, { op: 'note', step: name, crashed: true });
            if (attempt === ATTEMPTS) throw error;
            yield context.df.createTimer(after(context, Math.min(60_000, 500 * 2 ** attempt)));
        }
    }
}

/** One try at the fold; null when the job has not ended by it. */
function* folded(context: OrchestrationContext, story: Story, ending: Ending): Step<Ended | null> {
    const { jobId, startedAt, repairs = 0 } = story;
    const { error, ...rest } = ending;
    const { as } = rest;
    const input: FoldInput = { jobId, ...rest, startedAt, repairs, ...(error ? { error } : {}) };
    const reply = foldReplyMessage.read(yield* step(context, story, 'fold', activities.foldJob, foldInputMessage.write(input)));
    if (reply.kind === 'ended') return yield* recorded(context, jobId, reply.state, error);
    if (reply.kind === 'lacking') {
        // Storage has lost outcomes that it had acknowledged: their items are called again.
        const { ranges, counts, closed } = reply;
        yield* tellLedger(context, jobId, { op: 'reopen', repair: repairs + 1, ranges, counts, closed });
        Object.assign(story, { repairs: repairs + 1, ending: undefined, trouble: undefined });
        return null;
    }
    const refused = hopeless(context, story, reply.trouble, as === 'cancelled' || as === 'expired');
    if (!refused) yield* troubled(context, story, 'fold');
    // Refused is even what tells of a refusal: the ledger alone knows how the job has ended.
    else if (error) return yield* recorded(context, jobId, as, error);
    else Object.assign(story, { ending: { ...ending, as: as === 'completed' ? 'failed' : as, error: refused }, trouble: undefined });
    return null;
}

/** Notes the trouble; gives the failure that the job ends with when it has come often enough. */
function hopeless(context: OrchestrationContext, story: Story, trouble: Trouble, cancelling = false): Failure | null {
    const now = context.df.currentUtcDateTime.getTime();
    const { code, message, count } = (story.trouble = persisting(story.trouble, trouble, now));
    return isHopeless(story.trouble, now, cancelling) ? { code, message: `${message}, ${count} times` } : null;
}

function* workers(context: OrchestrationContext, jobId: string, { workers: count, round }: { workers: number; round: number }): Step<void> {
    const running = Array.from({ length: count }, (_, slot) =>
        context.df.callSubOrchestrator(
            orchestrators.runWorker,
            runWorkerMessage.write({ jobId, round, slot }),
            workerInstance(jobId, round, slot),
        ),
    );
    try {
        yield context.df.Task.all(running);
    } catch (error) {
        // A worker that fails is no end of the job, nor of its siblings' work: the ledger says when those that go on are through.
        if (!context.df.isReplaying) logOf(context, jobId).warn('worker failed', {}, reason(error));
        // Workers that fail as soon as they begin must not follow each other without a pause.
        yield context.df.createTimer(after(context, BROKEN_PAUSE_MS));
        for (let next = yield* unbroken(context, jobId); next; next = yield* unbroken(context, jobId)) yield* woken(context, next);
    }
}

/** Until when the siblings of a worker that has failed are waited for; null when none of them is at work any more. */
function* unbroken(context: OrchestrationContext, jobId: string): Step<number | null> {
    const next = yield* tellLedger(context, jobId, { op: 'settle', broken: true });
    return next.kind === 'wait' && next.code === 'WORK' ? next.until : null;
}

/** How long the ledger is not asked again at most, while a job waits for that. */
const longestWait = (code: WaitCode): number => (SELDOM.has(code) ? LOOK_MS : MAX_WAIT_MS);

/** Waits that end at the time that is told, or by something that `runJob` is woken up for. */
const SELDOM = new Set<WaitCode>(['PAUSED', 'APPROVAL', 'BREAKER_OPEN', 'GATE_CLOSED', 'NO_SHARE']);

/** Waits until the time (ms) or an event, whichever is first; gives what the event tells of the control document. */
function* woken(context: OrchestrationContext, until: number, longestMs = MAX_WAIT_MS): Step<Wake> {
    const longest = context.df.currentUtcDateTime.getTime() + longestMs;
    // By another host's clock the time may have gone by: it is not asked again at once.
    const soonest = context.df.currentUtcDateTime.getTime() + AGAIN_MS;
    const timer = context.df.createTimer(new Date(Math.max(soonest, Math.min(until, longest))));
    const event = context.df.waitForExternalEvent(events.wake);
    const first = yield context.df.Task.any([event, timer]);
    if (first !== event) return {};
    timer.cancel();
    try {
        return wakeMessage.read(event.result);
    } catch {
        return {}; // whatever it says, the ledger is asked
    }
}

/** Tells the ledger how the job has ended. */
function* recorded(context: OrchestrationContext, jobId: string, state: FoldInput['as'], error: Ending['error']): Step<Ended> {
    const reply = yield* tellLedger(context, jobId, { op: 'end', state, ...(error ? { error } : {}) });
    return { jobId, state: reply.state };
}
