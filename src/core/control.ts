// What users want of a job: one document, changed by moves and retunes, one after the other.
import { durationMs, parseDuration } from './duration';
import type { Budget } from './budget';
import { desireOf, next, type ControlMove, type Desire, type EndState, type JobState, type Verdict } from './states';
import { cutText } from './text';
import { appended, emptyLog, latestOf, type ControlEvent, type EventLog, type Retuned } from './timeline';

/** Why a job ends that is not run to its end. */
export const endings = ['cancelled', 'expired', 'rejected', 'overBudget'] as const;
export type Ending = (typeof endings)[number];

/** The state in which such a job ends. */
export const endStateOf = {
    cancelled: 'cancelled',
    expired: 'expired',
    rejected: 'cancelled',
    overBudget: 'cancelled',
} as const satisfies Record<Ending, EndState>;

/** What users are told of it. */
export const endedByOf = { cancelled: 'cancel', expired: 'deadline', rejected: 'reject', overBudget: 'budget' } as const satisfies Record<
    Ending,
    string
>;
export type EndedBy = (typeof endedByOf)[Ending];

/** The word on a canary: whose, when (ms) and why. */
export interface Approval {
    is: Verdict;
    by: string;
    at: number;
    reason?: string;
}

export interface Control {
    /** Goes up by one with each change. Whoever has seen a generation knows all before it. */
    generation: number;
    desired: Desire;
    /** Why the job ends when it is not run to its end; the first that was accepted holds. */
    ending: Ending | null;
    /** The word on its canary; the first that was accepted holds. */
    approval: Approval | null;
    /** The generation of the last resume; 0: it was never resumed. Failures before it count for no budget. */
    resumed: number;
    /** What was changed of the spec since the job was posted; what is absent is as the spec says, and null is taken away. */
    limits: { [Name in keyof Limits]?: Limits[Name] | null | undefined };
    /** All of that, in its order. */
    changes: EventLog<ControlEvent>;
}

/** When calls may be made. */
export interface Calling {
    windows: string[];
    timeZone: string;
}

/** What may change while a job runs: the spec has the first values, the control document those that are in force. */
export interface Limits {
    concurrency: { max: number; adaptive: boolean };
    retry: { attempts: number; initialDelay: string; maxDelay: string; factor: number };
    /** An ISO time, or a duration from when the job was to start. */
    deadline?: string | undefined;
    calling?: Calling | undefined;
    /** How often the target may be called, as `rateText` writes it, one for each length of window. */
    rate?: string[] | undefined;
    /** How long a target may be away, as an ISO duration, before the job gives up. */
    outage: { giveUpAfter: string };
    /** How many items may fail before the job stops. */
    budget?: Budget | undefined;
}

/** Who asks, why, when (ms), and the name of the request. */
export interface Asked {
    by: string;
    reason?: string;
    at: number;
    id?: string;
}

/** The control document of a job of which nobody has wanted anything yet. */
export const newControl = (): Control => ({
    generation: 0,
    desired: 'run',
    ending: null,
    approval: null,
    resumed: 0,
    limits: {},
    changes: emptyLog(),
});

/**
 * The document after the move; null where it is as the move wants it already. Whether the move is legal is decided by the job's state. `ending`: why the job
 * ends by it, where it does not go on.
 */
export function moved(control: Control, move: ControlMove, asked: Asked, ending: Ending | null = endingOf[move] ?? null): Control | null {
    if (control.desired === 'cancel' || isDone(control, asked)) return null;
    // A pause that was accepted while the canary came to its end is not taken back by the word on it.
    const desired = move === 'approve' ? control.desired : desireOf[move];
    if (move === 'approve' ? control.approval !== null : control.desired === desired) return null;
    const after = { ...changed(control, { kind: 'move', move }, asked), desired, ending };
    if (move === 'resume') return { ...after, resumed: after.generation };
    const is = verdictOf[move];
    return is ? { ...after, approval: approvalOf(is, asked) } : after;
}

const endingOf: Partial<Record<ControlMove, Ending>> = { cancel: 'cancelled', expire: 'expired', reject: 'rejected' };
const verdictOf: Partial<Record<ControlMove, Verdict>> = { approve: 'approved', reject: 'rejected' };

const approvalOf = (is: Verdict, { by, at, reason }: Asked): Approval => ({ is, by, at, ...(reason === undefined ? {} : { reason }) });

/** The document with other limits in force; null where they are already. */
export function retuned(control: Control, spec: Limits, limits: Limits, asked: Asked): Control | null {
    const before = limitsOf(spec, control);
    const names = limitNames.filter((name) => !isSame(before[name], limits[name]));
    if (names.length === 0 || isDone(control, asked)) return null;
    const changes = names.flatMap((name) => differences(name, before[name], limits[name]));
    const own = Object.fromEntries(names.map((name) => [name, limits[name] ?? null]));
    return { ...changed(control, { kind: 'retune', changes }, asked), limits: { ...control.limits, ...own } };
}

export const limitNames = ['concurrency', 'retry', 'deadline', 'calling', 'rate', 'outage', 'budget'] as const satisfies (keyof Limits)[];

type What = { kind: 'move'; move: ControlMove } | { kind: 'retune'; changes: Retuned[] };

function changed(control: Control, what: What, { by, reason, at, id }: Asked): Control {
    const generation = control.generation + 1;
    // Clocks differ; what comes later in the document does not come earlier in time.
    const event: ControlEvent = {
        at: Math.max(at, latestOf(control.changes)?.at ?? 0),
        ...what,
        generation,
        by,
        ...(reason === undefined ? {} : { reason }),
        ...(id === undefined ? {} : { id }),
    };
    return { ...control, generation, changes: appended(control.changes, event) };
}

/** Whether this very request was done before, and its answer lost. */
const isDone = ({ changes: { first, last } }: Control, { id }: Asked): boolean =>
    id !== undefined && [...first, ...last].some((event) => event.id === id);

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

/** A value as the timeline keeps it: a long one is cut off as text. */
function shortened(value: unknown): unknown {
    const text = JSON.stringify(value ?? null);
    return text.length <= MAX_KEPT ? (value ?? null) : `${cutText(text, MAX_KEPT)}…`;
}

/** UTF-16 units of a value's JSON text. */
const MAX_KEPT = 300;

/** What differs, by its smallest fields; a list differs as a whole. */
function differences(name: keyof Limits, from: unknown, to: unknown): Retuned[] {
    if (!hasFields(from) || !hasFields(to)) return [{ field: `/${name}`, from: shortened(from), to: shortened(to) }];
    return Object.keys({ ...from, ...to })
        .filter((key) => !isSame(from[key], to[key]))
        .map((key) => ({ field: `/${name}/${key}`, from: shortened(from[key]), to: shortened(to[key]) }));
}

const hasFields = (value: unknown): value is Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value);

/** When the job was resumed last, in ms, as far as the document's log tells; null: never. */
export function resumedAt({ changes: { first, last } }: Pick<Control, 'changes'>): number | null {
    const resumes = [...first, ...last].filter((event) => event.kind === 'move' && event.move === 'resume');
    return resumes.at(-1)?.at ?? null;
}

/** The limits in force. */
export function limitsOf(spec: Limits, { limits }: Pick<Control, 'limits'>): Limits {
    const inForce = <Name extends keyof Limits>(name: Name): Limits[Name] =>
        (name in limits ? (limits[name] ?? undefined) : spec[name]) as Limits[Name];
    return {
        concurrency: inForce('concurrency'),
        retry: inForce('retry'),
        deadline: inForce('deadline'),
        calling: inForce('calling'),
        rate: inForce('rate'),
        outage: inForce('outage'),
        budget: inForce('budget'),
    };
}

/** When a deadline is, in ms: as it says, or so long after the job was to start. */
export const deadlineAt = (deadline: string, startsAt: number): number =>
    parseDuration(deadline) === null ? Date.parse(deadline) : startsAt + durationMs(deadline);

/** What of a control document the ledger goes by, with the values of the spec where it says nothing. */
export interface ControlSeen {
    generation: number;
    desired: Desire;
    ending?: Ending | null;
    /** Calls in flight at most. */
    concurrency?: number;
    /** In ms; null: none. */
    deadline?: number | null;
    /** The word on the canary; absent: there is none. */
    approval?: Verdict;
    /** The generation of the last resume. */
    resumed?: number;
    /** How many items may fail; null: any. */
    budget?: Budget | null;
    /** What holds calls off may not do so any more: it is to be found out. */
    lifted?: boolean;
}

/** What a job says of itself, as far as its control needs it. `createdAt`: ISO. */
export interface Controlled {
    createdAt: string;
    spec: Limits & { startAt?: string | undefined };
}

/** When the job is to start, in ms: a time that had gone by when it was stored means at once. */
export const startsAt = ({ createdAt, spec }: Controlled): number =>
    Math.max(Date.parse(createdAt), spec.startAt === undefined ? 0 : Date.parse(spec.startAt));

/** The state in which a job is stored. */
export const firstStateOf = (job: Controlled): JobState => (startsAt(job) > Date.parse(job.createdAt) ? 'scheduled' : 'planning');

/** When the job's time is over, in ms; null: never. */
export function deadlineOf(job: Controlled, control: Pick<Control, 'limits'>): number | null {
    const { deadline } = limitsOf(job.spec, control);
    return deadline === undefined ? null : deadlineAt(deadline, startsAt(job));
}

export const seenOf = (job: Controlled, control: Control): ControlSeen => ({
    generation: control.generation,
    desired: control.desired,
    ending: control.ending,
    concurrency: limitsOf(job.spec, control).concurrency.max,
    deadline: deadlineOf(job, control),
    ...(control.approval ? { approval: control.approval.is } : {}),
    resumed: control.resumed,
    budget: limitsOf(job.spec, control).budget ?? null,
});

/**
 * The state that users see: what they want shows before the ledger has heard of it. `hasCanary`: the job's first items are to run alone, as far as the ledger
 * has heard.
 */
export function seenState(state: JobState, { desired, approval }: Pick<Control, 'desired' | 'approval'>, hasCanary: boolean): JobState {
    if (desired === 'cancel') return next(state, 'cancel') ?? state;
    const judged = approval?.is === 'approved' ? (next(state, 'approve') ?? next(state, 'pass') ?? state) : state;
    if (desired === 'pause') return next(judged, 'pause') ?? judged;
    return next(judged, hasCanary && !approval ? 'resumeCanary' : 'resume') ?? judged;
}
