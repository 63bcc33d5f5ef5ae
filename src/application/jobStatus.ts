// What a user sees of a job: from its summary once that is there, else from its ledger and what its slices have recorded since they last reported.
import type { StoredJob } from '../contracts/documents';
import { limiterOfJob } from '../contracts/jobSpec';
import { noCalls, summaryOf, type CallSummary } from '../core/callStats';
import type { CanaryFindings } from '../core/canary';
import {
    deadlineOf,
    endedByOf,
    endStateOf,
    firstStateOf,
    limitsOf,
    newControl,
    startsAt,
    type Control,
    type EndedBy,
    type Ending,
    type Limits,
} from '../core/control';
import { noCounts, finished, type Counts } from '../core/counts';
import type { Failure } from '../core/errors';
import { shownFailures, type ShownGroup } from '../core/failures';
import { newLedger, type LedgerState } from '../core/ledger';
import { allowedMoves, isCalling, isEnded, type Desire, type EndState, type JobState, type UserMove } from '../core/states';
import { noProgress, statusOf, type AllProgress, type Eta, type StepProgress, type Wait } from '../core/status';
import { latestOf } from '../core/timeline';
import type { JobStore } from '../storage/jobStore';
import type { FoundRegister } from '../storage/limiterStore';
import type { JobEngine } from './jobEngine';
import { canaryView, estimateOf, type CanaryAsked, type CanaryView } from './canaryView';
import { limiterBrief, pacedFor, type LimiterBrief } from './limiterView';
import { failureWithoutSummary, readLiveFacts, stateOf, type JobFacts } from './readJob';

/** Times are ISO. */
export interface JobStatus {
    id: string;
    name: string;
    state: JobState;
    /** Moves that change something now. */
    allowed: UserMove[];
    /** What is wanted of it beside what its state says: a pause, of a job that is still planned. */
    wanted?: Desire;
    /** What it ends as, or has ended as, that was not run to its end; and by what. */
    ending?: 'cancelled' | 'expired';
    endedBy?: EndedBy;
    outcome?: 'succeeded' | 'partial';
    ended: boolean;
    createdAt: string;
    startedAt?: string;
    endedAt?: string;
    /** When each state was entered, the last time. */
    entered: Partial<Record<JobState, string>>;
    counts: Counts & { total: number | null; pending: number | null; invalid: number; unrecorded?: number };
    /** Items per second. */
    rate: number;
    eta: Eta | null;
    workers: { active: number; silent: number; inFlight: number; crashes: number };
    /** Attempts that have ended: how many, how long they took, how they were answered. */
    calls: CallSummary;
    error?: Failure & { invalid?: number };
    waiting?: Wait;
    /** What its calls are counted by; null: nothing. While it runs, and where storage tells, what that allows now. */
    limiter: { name: string | null } & Partial<LimiterBrief>;
    /** Of a job whose first items run alone. */
    canary?: CanaryView;
    /** How far planning or folding has come. */
    step?: StepProgress;
    /** The most frequent kinds of failure, and one group of all others. */
    failures: ShownGroup[];
    /** Times that the job was worked again because storage had lost something. */
    repairs: number;
    /** What is in force now. `deadlineAt`: when the deadline is. */
    limits: Limits & { deadlineAt?: string };
    startAt?: string;
    tags: Record<string, string>;
}

export interface StatusPorts {
    store: JobStore;
    engine: JobEngine;
    /** Milliseconds since 1970. */
    clock: () => number;
}

/** The status of a job that has just been stored. */
export const newStatus = (job: StoredJob, now: number): JobStatus =>
    statusFrom(job, { summary: null, ledger: null, control: newControl() }, now, { canary: null });

/** `brief`: without what only the control document of an ended job tells, its limits, and without its canary. */
export async function readStatus({ store, engine, clock }: StatusPorts, job: StoredJob, brief = false): Promise<JobStatus> {
    // Progress is read before the ledger: whatever has been reported meanwhile, the ledger has counted, and nothing is missing from both.
    const summary = await store.readSummary(job.id);
    if (summary) {
        const control = brief ? newControl() : await store.readControl(job.id);
        return statusFrom(job, { summary, ledger: null, control }, clock(), brief ? {} : await findingsOf(store, job));
    }
    const limiter = brief ? null : glanceAtLimiter(store, job);
    const progress = await store.readProgress(job.id);
    const facts = await readLiveFacts(store, engine, job.id);
    const canary = brief ? {} : await findingsOf(store, job);
    return statusFrom(job, facts, clock(), { progress, limiter: await limiter, ...canary });
}

async function findingsOf(store: JobStore, { id, spec }: StoredJob): Promise<Pick<Seen, 'canary'>> {
    return { canary: spec.canary ? await store.readCanary(id) : null };
}

type SeenRegister = Extract<FoundRegister, { found: 'register' }>;

/** The register of the job's target; null where there is none, or storage does not tell: no status fails for that. */
async function glanceAtLimiter(store: JobStore, { spec }: StoredJob): Promise<SeenRegister | null> {
    const name = limiterOfJob(spec);
    try {
        const found = name === null ? null : await store.limiters.read(name, null);
        return found?.found === 'register' ? found : null;
    } catch {
        return null;
    }
}

/** States in which it may not be decided what becomes of the rest. */
const OPEN = new Set<JobState>(['canary', 'awaitingApproval', 'paused']);

/** What was read of a job beside its facts. */
interface Seen {
    progress?: AllProgress;
    limiter?: SeenRegister | null;
    /** What its canary came to; null: it has not settled, absent: nobody has looked. */
    canary?: CanaryFindings | null;
}

/** The summary decides once it is there. `now`: in ms. */
export const statusFrom = (job: StoredJob, facts: JobFacts, now: number, seen: Seen = {}): JobStatus =>
    facts.summary ? endedStatus(job, facts.summary, facts.control, seen) : liveStatus(job, facts, now, seen);

type Judged = Omit<CanaryAsked, 'spec' | 'findings'>;

/** Nothing of a job without a canary. `judged` is asked for what only a job with one needs. */
function canaryOf(
    { spec }: StoredJob,
    { canary: findings }: Seen,
    judged: (findings: CanaryFindings | null) => Judged,
): Pick<JobStatus, 'canary'> {
    if (!spec.canary || findings === undefined) return {};
    return { canary: canaryView({ spec: spec.canary, findings, ...judged(findings) }) };
}

function endedStatus(job: StoredJob, summary: NonNullable<JobFacts['summary']>, control: Control, seen: Seen): JobStatus {
    const { approval } = control;
    const calls = summaryOf(summary.calls ?? noCalls());
    const pending = summary.total === null ? null : Math.max(0, summary.total - finished(summary.counts));
    const seconds = (Date.parse(summary.endedAt) - Date.parse(summary.startedAt ?? job.createdAt)) / 1000;
    const { state } = summary;
    // What a cancel, a deadline or a rejected canary has left was not worked on.
    const { cancelled, expired, skipped } = summary.counts;
    const worked = finished(summary.counts) - cancelled - expired - (summary.ending === 'rejected' ? skipped : 0);
    return {
        ...nameOf(job),
        state,
        allowed: [],
        ...endingOf(endingAs(state, summary.ending)),
        ...(summary.outcome ? { outcome: summary.outcome } : {}),
        ended: true,
        ...(summary.startedAt ? { startedAt: summary.startedAt } : {}),
        endedAt: summary.endedAt,
        entered: enteredOf(job, { ...summary.entered, [state]: Date.parse(summary.endedAt) }),
        counts: { total: summary.total, ...noCounts(), ...summary.counts, pending, invalid: summary.invalid },
        rate: seconds > 0 ? Math.round((worked / seconds) * 10) / 10 : 0,
        eta: null,
        workers: { active: 0, silent: 0, inFlight: 0, crashes: summary.crashes ?? 0 },
        calls,
        limiter: { name: limiterOfJob(job.spec) },
        ...canaryOf(job, seen, () => ({ total: summary.total, soFar: { ...summary, calls }, approval, until: null, estimate: null })),
        ...(summary.error ? { error: summary.error } : {}),
        failures: shownFailures(summary.failures),
        repairs: summary.repairs ?? 0,
        ...limitsAndTags(job, control),
    };
}

/** Why a job ends as that, where it is not run to its end: earlier versions have told of no other reason than how it ends. */
const endingAs = (as: EndState | null, ending: Ending | null | undefined): Ending | null =>
    as === 'cancelled' || as === 'expired' ? (ending ?? as) : null;

const endingOf = (ending: Ending | null): Pick<JobStatus, 'ending' | 'endedBy'> =>
    ending ? { ending: endStateOf[ending], endedBy: endedByOf[ending] } : {};

const nameOf = ({ id, spec, createdAt }: StoredJob) => ({
    id,
    name: spec.name,
    createdAt,
    ...(spec.startAt === undefined ? {} : { startAt: spec.startAt }),
});

function limitsAndTags(job: StoredJob, control: Control): Pick<JobStatus, 'limits' | 'tags'> {
    const deadline = deadlineOf(job, control);
    return {
        limits: { ...limitsOf(job.spec, control), ...(deadline === null ? {} : { deadlineAt: iso(deadline) }) },
        tags: job.spec.tags,
    };
}

const iso = (ms: number): string => new Date(ms).toISOString();

/** The first state was entered when the job was stored; the others as the ledger has it. */
function enteredOf(job: StoredJob, entered: LedgerState['entered']): JobStatus['entered'] {
    const times = Object.entries({ ...entered, [firstStateOf(job)]: Date.parse(job.createdAt) }) as [JobState, number][];
    return Object.fromEntries(times.sort(([, a], [, b]) => a - b).map(([state, at]) => [state, iso(at)]));
}

function liveStatus(job: StoredJob, facts: JobFacts, now: number, read: Seen): JobStatus {
    const { progress = noProgress(), limiter: seen = null } = read;
    const { control } = facts;
    const ledger = facts.ledger ?? newLedger(job.id);
    const paced = seen && pacedFor(job.id, seen.register, seen.date);
    const heldBy = seen && paced !== null ? { name: seen.register.name, paced } : null;
    const asked = { ledger, control, progress, heldBy, createdAt: Date.parse(job.createdAt), startsAt: startsAt(job), now };
    const { state: running, startedAt, endedAt, waiting, step, ...live } = statusOf(asked);
    const state = facts.ledger && isEnded(facts.ledger.state) ? stateOf(facts, job, now) : running;
    const endedWithout = failureWithoutSummary(facts);
    // What was accepted shows before the ledger has heard of it, and was entered when it was accepted.
    const accepted = state === ledger.state || isEnded(ledger.state) ? undefined : latestOf(control.changes)?.at;
    const entered = { ...ledger.entered, ...(accepted === undefined ? {} : { [state]: accepted }) };
    // A cancel that came when the job was at its end already ends nothing.
    const ending = state === 'cancelling' ? (control.ending ?? ledger.ending) : endingAs(ledger.endsAs, ledger.ending);
    return {
        ...nameOf(job),
        state,
        allowed: allowedMoves(state, control.desired),
        ...(state === 'planning' && control.desired !== 'run' ? { wanted: control.desired } : {}),
        ...endingOf(ending),
        // Storage refuses even the summary: what the ledger knows is all there is.
        ended: endedWithout !== null,
        ...(endedWithout ? { error: endedWithout } : {}),
        ...(endedWithout && endedAt ? { endedAt } : {}),
        ...(startedAt ? { startedAt } : {}),
        entered: enteredOf(job, entered),
        ...(waiting ? { waiting } : {}),
        limiter: {
            name: limiterOfJob(job.spec),
            ...(seen && isCalling(state) ? limiterBrief(seen.register, seen.date) : {}),
        },
        ...canaryOf(job, read, (findings) => {
            const { total, ...counts } = live.counts;
            const isOpen = total !== null && OPEN.has(state);
            return {
                total,
                soFar: { counts, failures: live.failures, calls: live.calls },
                approval: control.approval,
                until: state === 'awaitingApproval' ? (ledger.canary?.until ?? null) : null,
                estimate: findings && isOpen ? estimateOf(job, { findings, total, control, limiter: seen, now }) : null,
            };
        }),
        ...(step ? { step } : {}),
        ...live,
        ...limitsAndTags(job, control),
    };
}
