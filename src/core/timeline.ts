// What happened to a job as a whole, in a bounded record: the first events and the last stand as they are, those between only as counts.
import type { ControlMove, JobState } from './states';

/** A field that was retuned, as a JSON pointer into the spec, with the values before and after; null: it was not there. */
export interface Retuned {
    field: string;
    from: unknown;
    to: unknown;
}

/** Who changed what is wanted of a job, and why. `generation`: of the control document, after it. */
interface Wanted {
    generation: number;
    by: string;
    reason?: string;
}

/** What users, and what stands for them, have wanted. `id` names the request, so that one whose answer was lost is not done twice. */
export type ControlEvent = { at: number } & (
    ({ kind: 'move'; move: ControlMove; id?: string } & Wanted) | ({ kind: 'retune'; changes: Retuned[]; id?: string } & Wanted)
);

/** What happened in the ledger's sight. `generation`: of the control document, as far as the ledger had heard. */
export type LedgerEvent = { at: number; generation: number } & (
    | { kind: 'state'; state: JobState }
    /** A process died at work. `worker`: null while the source was read or the results were omitted. */
    | { kind: 'crash'; worker: string | null; partitions: number }
    /** Storage lost what it had acknowledged, and so many partitions are worked again. */
    | { kind: 'repair'; repair: number; partitions: number }
    /** Storage refuses something, or does not answer; and that it works again. */
    | { kind: 'trouble'; code: string; message: string }
    | { kind: 'recovered'; code: string }
    /** Nothing may be called for a while, and may be again. `code`: as of a wait. */
    | { kind: 'held'; code: string; why: string }
    | { kind: 'released'; code: string }
    /** A limit of the budget was reached, by these kinds of failure. */
    | { kind: 'budget'; limit: string; why: string; groups: { code: string; message: string; count: number }[] }
);

/** Events that stand no more by themselves: how many of each kind, and the times of the first and the last of them. */
export interface Omitted {
    kind: 'omitted';
    from: number;
    to: number;
    counts: Record<string, number>;
}

export interface EventLog<Event> {
    first: Event[];
    omitted: Omitted | null;
    last: Event[];
}

/** Events that stand by themselves. */
export const KEPT = { first: 20, last: 30 } as const;

export const emptyLog = <Event>(): EventLog<Event> => ({ first: [], omitted: null, last: [] });

/** The last event; undefined before there is one. */
export const latestOf = <Event>({ first, last }: EventLog<Event>): Event | undefined => last.at(-1) ?? first.at(-1);

/** The log with one event more. */
export function appended<Event extends { at: number; kind: string }>(log: EventLog<Event>, event: Event): EventLog<Event> {
    if (log.first.length < KEPT.first && log.last.length === 0) return { ...log, first: [...log.first, event] };
    const last = [...log.last, event];
    return last.length <= KEPT.last ? { ...log, last } : { ...log, omitted: withOne(log.omitted, last[0]!), last: last.slice(1) };
}

function withOne(omitted: Omitted | null, { at, kind }: { at: number; kind: string }): Omitted {
    const counts: Record<string, number> = { ...omitted?.counts };
    counts[kind] = (counts[kind] ?? 0) + 1;
    return { kind: 'omitted', from: omitted?.from ?? at, to: at, counts };
}

const entriesOf = <Event>({ first, omitted, last }: EventLog<Event>): (Event | Omitted)[] => [
    ...first,
    ...(omitted ? [omitted] : []),
    ...last,
];

export type TimelineEntry = ControlEvent | LedgerEvent | Omitted;

/**
 * Both records as one. Each is in the order in which things happened; between them, what the ledger says after it has heard of a generation comes after
 * that generation, and else the earlier comes first, by clocks that may differ by a little.
 */
export function timelineOf(control: EventLog<ControlEvent>, ledger: EventLog<LedgerEvent>): TimelineEntry[] {
    // Changes that stand no more by themselves begin with the one after those that are kept before them.
    const omitted = (control.first.at(-1)?.generation ?? 0) + 1;
    const wanted = entriesOf(control).map((entry) => ({ entry, generation: entry.kind === 'omitted' ? omitted : entry.generation }));
    const merged: TimelineEntry[] = [];
    for (const event of entriesOf(ledger)) {
        const heard = event.kind === 'omitted' ? 0 : event.generation;
        const isBefore = ({ entry, generation }: (typeof wanted)[number]) => generation <= heard || beginOf(entry) <= beginOf(event);
        while (wanted.length > 0 && isBefore(wanted[0]!)) merged.push(wanted.shift()!.entry);
        merged.push(event);
    }
    return [...merged, ...wanted.map(({ entry }) => entry)];
}

const beginOf = (entry: TimelineEntry): number => (entry.kind === 'omitted' ? entry.from : entry.at);
