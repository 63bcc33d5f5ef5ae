// Takes in what a slice says of its lease.
import { addSpent } from '../budget';
import { addCalls } from '../callStats';
import { addCounts } from '../counts';
import { failure } from '../errors';
import { KEPT_GROUPS, mergeFailures, RECENT_GROUPS } from '../failures';
import { isHopeless, persisting, type Persisting } from '../trouble';
import { holdNow, seenIn, waitOut } from './dispense';
import { heard, isAtWork, isOver, keepTrouble, lookAtBudget, tell, TOLD_CHARACTERS } from './moves';
import {
    partsOf,
    type Delayed,
    type HeldLease,
    type Hold,
    type LeaseReply,
    type LedgerState,
    type SliceDone,
    type SliceReport,
} from './state';

/** A slice that made no call and recorded nothing is not followed by another before this time, whatever it says. */
const IDLE_PAUSE_MS = 1_000;

/** Takes in what a slice says; the reply when its worker must not go on at once, whatever there is to do. */
export function takeReport(state: LedgerState, o: { worker: string; slot: number }, report: SliceReport, now: number): LeaseReply | null {
    const held = state.leases[o.worker];
    if (!held || held.epoch !== report.epoch) return null;
    if (report.lost) {
        if (report.lost === 'crashed') {
            held.crashes++;
            state.crashes++;
            tell(state, { at: now, kind: 'crash', worker: o.worker, partitions: partsOf(held).length });
            for (const part of partsOf(held)) state.crashed[part] = (state.crashed[part] ?? 0) + 1;
        }
        // A fence later than any lease of this ledger: the ledger was lost, and began anew. Its next leases come after what the outcomes know.
        state.epoch = Math.max(state.epoch, report.by ?? 0);
        held.againAt = now + againDelay(held.crashes);
        return null;
    }
    delete state.leases[o.worker];
    if (state.isolatedWorker === o.worker) state.isolatedWorker = null;
    state.closed += report.closed;
    state.counts = addCounts(state.counts, report.counts);
    const notBefore = report.worked ? 0 : now + IDLE_PAUSE_MS;
    for (const entry of report.open) state.delayed.push({ ...entry, wakeAt: Math.max(entry.wakeAt, notBefore) });
    state.delayed.push(...leftOpen(held, report, notBefore));
    if (report.untouched < held.to) state.returned.push({ from: report.untouched, to: held.to });
    state.failures = mergeFailures(state.failures, report.failures, KEPT_GROUPS);
    if (report.rate > 0) {
        state.rate = state.rate === 0 ? report.rate : state.rate * 0.5 + report.rate * 0.5;
        state.ratedAt = now;
    }
    state.limits[o.slot] = report.limit;
    forgetCrashes(state, held, report);
    if (report.calls) state.calls = addCalls(state.calls, report.calls);
    if (report.control) heard(state, report.control, now);
    spends(state, report, now);
    if (report.hold && isNews(state, report.hold, now)) holds(state, report.hold, now);
    else if (report.worked) released(state, now);
    if (report.useful !== undefined) state.useful = report.useful;
    if (report.process) state.processes = seenIn(state.processes, report.process, now);
    noteTrouble(state, held, report, now);
    const { trouble } = report;
    if (
        report.worked ||
        holdNow(state, now) ||
        isOver(state, now) ||
        (state.state === 'cancelling' && held.mode !== 'cancel') ||
        !isAtWork(state)
    )
        return null;
    return trouble
        ? { kind: 'wait', until: Math.max(notBefore, now + IDLE_PAUSE_MS), ...waitOut(trouble) }
        : { kind: 'wait', until: notBefore, code: 'WORK', why: 'the last slice found nothing that it could do' };
}

/** What a slice has brought to its end counts for the budget, unless the job has been resumed since without the slice knowing. */
function spends(state: LedgerState, { spent, failures }: SliceDone, now: number): void {
    if (!spent || spent.resumed < state.resumed) return;
    state.spent = addSpent(state.spent, spent);
    state.recentFailures = mergeFailures(state.recentFailures, failures, RECENT_GROUPS);
    lookAtBudget(state, now);
}

/** A slice may know for so long (ms) of what has been lifted: its process looks at the target's limiter only now and then. */
const OLD_NEWS_MS = 10_000;

/** What was found by an earlier word than the last, or before somebody has lifted it, holds nothing any more: the next slice looks for itself. */
const isNews = ({ generation, liftedAt }: LedgerState, hold: Hold, now: number): boolean =>
    hold.generation >= generation && (liftedAt === undefined || now - liftedAt > OLD_NEWS_MS);

/** Nothing may be called for a while. */
function holds(state: LedgerState, hold: Hold, now: number): void {
    if (state.hold?.code !== hold.code) tell(state, { at: now, kind: 'held', code: hold.code, why: hold.why.slice(0, TOLD_CHARACTERS) });
    state.hold = hold;
}

function released(state: LedgerState, now: number): void {
    if (state.hold) tell(state, { at: now, kind: 'released', code: state.hold.code });
    state.hold = null;
}

/** What was not taken up, of which something is recorded: as it was, or as an earlier run of the lease has left it. */
export function leftOpen(held: HeldLease, { unreached, begun = [] }: SliceDone, notBefore: number): Delayed[] {
    const known = new Map(begun.map(({ part, counts }) => [part, counts]));
    const resumed = held.resumed
        .filter(({ part }) => unreached.includes(part))
        .map((entry) => ({ ...entry, counts: known.get(entry.part) ?? entry.counts }));
    const fresh = begun.filter(({ part }) => !held.resume.includes(part));
    return [...resumed, ...fresh.map(({ part, counts }) => ({ part, counts, wakeAt: notBefore }))];
}

/**
 * A slice came through: what it closed, or did not touch, has no crashes any more. What it left open keeps one, when it was worked in isolation: one
 * more crash, and it is again.
 */
function forgetCrashes(state: LedgerState, held: HeldLease, report: SliceDone): void {
    // One that called and recorded nothing has shown nothing.
    if (!report.worked) return;
    const open = new Set(report.open.map(({ part }) => part));
    for (const part of partsOf(held)) {
        const crashes = state.crashed[part];
        if (crashes === undefined) continue;
        if (report.unreached.includes(part) || report.begun?.some((b) => b.part === part)) continue;
        if (open.has(part) && held.mode === 'isolated') state.crashed[part] = 1;
        else if (!open.has(part)) delete state.crashed[part];
    }
}

/** Keeps what storage refused, with growing pauses, until it works again; when it never does, the job ends. */
function noteTrouble(state: LedgerState, held: HeldLease, report: SliceDone, now: number): void {
    const begun = new Set(report.begun?.map(({ part }) => part));
    const opened = partsOf(held).filter(
        (part) => !report.unreached.includes(part) && !begun.has(part) && !(part >= report.untouched && part < held.to),
    );
    const { trouble } = report;
    // Storage that is away is away for all: one partition after the other would find that out, and each keep a note of it.
    const place = !trouble ? null : trouble.part === null || trouble.code === 'STORAGE_AWAY' ? 'job' : String(trouble.part);
    if (place !== 'job') keepTrouble(state, 'job', undefined, now);
    for (const part of opened) if (part !== trouble?.part) keepTrouble(state, String(part), undefined, now);
    if (report.closed > 0 || (report.worked && !trouble)) delete state.troubles.any;
    if (!trouble || place === null) return;
    const { part, code, message } = trouble;
    const note = (where: string): Persisting => {
        const persists = persisting(state.troubles[where], { code, message }, now);
        keepTrouble(state, where, persists, now);
        return persists;
    };
    const own = note(place);
    if (place !== 'job') for (const entry of state.delayed) if (entry.part === part) entry.wakeAt = Math.max(entry.wakeAt, own.until);
    // A partition has few tries in the time that thousands of them take: refused one after the other, with nothing finished between, they are one trouble.
    const any = place === 'job' ? own : note('any');
    const hopeless = isHopeless(own, now, state.state === 'cancelling') ? own : isHopeless(any, now) ? any : null;
    if (hopeless) state.failure = failure(hopeless.code, `${message}, ${hopeless.count} times since ${iso(hopeless.since)}`);
}

const iso = (ms: number): string => new Date(ms).toISOString();

/** 0.4 s, doubling, at most 10 s: a process needs a moment to come back, and a broken one must not be hammered. */
const againDelay = (crashes: number): number => Math.min(10_000, 200 * 2 ** crashes);
