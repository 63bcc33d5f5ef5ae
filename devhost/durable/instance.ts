// One orchestration in memory: its record, its history, what it waits for; and how messages become history.
import { randomUUID } from 'node:crypto';
import type { Row } from './store';
import type { HistoryEvent, Inboxed, Message, Open, OrchestrationRecord, Recorded, Start } from './messages';
import { EventType, isEnded, iso } from './messages';

/** Rows of messages that one episode takes in: their removals must fit one transaction beside its own rows. */
const MAX_ROWS = 90;

/** Whoever has an inbox. */
export abstract class Addressee {
    inbox: Inboxed[] = [];
    running = false;
    /** Episodes in a row that broke off. */
    failures = 0;
    private readonly keys = new Set<string>();

    constructor(readonly id: string) {}

    push(message: Inboxed): void {
        if (message.rowKey !== undefined) {
            if (this.keys.has(message.rowKey)) return;
            this.keys.add(message.rowKey);
        }
        this.inbox.push(message);
    }

    /** Before all others. */
    unshift(message: Inboxed): void {
        this.push(message);
        this.inbox.unshift(this.inbox.pop()!);
    }

    drop(batch: Inboxed[]): void {
        const gone = new Set(batch);
        this.inbox = this.inbox.filter((m) => !gone.has(m));
        for (const { rowKey } of batch) if (rowKey !== undefined) this.keys.delete(rowKey);
    }

    /** The messages that the next batch takes. */
    abstract next(): Inboxed[];
}

export class Orchestration extends Addressee {
    record!: OrchestrationRecord;
    history: HistoryEvent[] = [];
    readonly open = new Map<number, Open>();
    /** Told to be suspended: messages gather, nothing runs. */
    get suspended(): boolean {
        return (this.record as OrchestrationRecord | undefined)?.status === 'Suspended';
    }
    readonly timers = new Map<number, NodeJS.Timeout>();

    next(): Inboxed[] {
        const control = this.inbox.filter((m) => m.message.type === 'control');
        if (control.length > 0 && (this.record as OrchestrationRecord | undefined)) return control.slice(0, 1);
        if (this.suspended) return [];
        const batch: Inboxed[] = [];
        let rows = 0;
        for (const m of this.inbox) {
            if (m.rowKey !== undefined && ++rows > MAX_ROWS) break;
            // Such an event takes an id when the SDK comes to it, after the ids of what the events before it led to: it must come first.
            if (batch.length > 0 && this.takesId(m.message)) break;
            batch.push(m);
            // The first episode of a generation takes in nothing else.
            if (m.message.type === 'start' && m.message.again) break;
        }
        return batch;
    }

    private takesId(m: Message): boolean {
        if (m.type !== 'failed' && m.type !== 'timer') return false;
        const open = this.open.get(m.taskId);
        return open !== undefined && open.kind !== 'call' && open.retry !== undefined;
    }

    /** Puts an event into history, and keeps the books of what is open. */
    apply({ event, open }: Recorded): void {
        this.history.push(event);
        if (open) this.open.set(event.EventId, open);
        const id = (event.TaskScheduledId ?? event.TimerId) as number | undefined;
        if (id !== undefined) this.open.delete(id);
        if (event.EventType === EventType.EventRaised) {
            for (const [key, o] of this.open) if (o.kind === 'call' && o.requestId === event.Name) this.open.delete(key);
        }
    }

    beginGeneration(executionId: string): void {
        this.record.executionId = executionId;
        this.record.generation++;
        this.record.episodes = 0;
        this.record.nextId = 0;
        this.record.leaves = 0;
        delete this.record.locks;
        delete this.record.lockId;
        this.history = [];
        this.open.clear();
        for (const timer of this.timers.values()) clearTimeout(timer);
        this.timers.clear();
    }
}

export const event = (type: number, fields: Record<string, unknown>, at = iso(), id = -1): HistoryEvent => ({
    EventType: type,
    ...fields,
    EventId: id,
    IsPlayed: false,
    Timestamp: at,
});

/** A message as the history event that it becomes; null when it is late, doubled, or of an earlier execution. */
export function eventOf(o: Orchestration, message: Message): HistoryEvent | null {
    switch (message.type) {
        case 'start':
            return startedEvent(o, message);
        case 'event':
            return event(EventType.EventRaised, { Name: message.name, Input: message.input, ParentTraceContext: null }, message.at);
        case 'reply':
            return [...o.open.values()].some((x) => x.kind === 'call' && x.requestId === message.requestId)
                ? event(EventType.EventRaised, { Name: message.requestId, Input: message.input, ParentTraceContext: null }, message.at)
                : null;
        case 'done':
            if (!isOpen(o, message)) return null;
            return event(
                message.child ? EventType.SubOrchestrationInstanceCompleted : EventType.TaskCompleted,
                { TaskScheduledId: message.taskId, Result: message.result === 'null' ? null : message.result },
                message.at,
            );
        case 'failed':
            if (!isOpen(o, message)) return null;
            return event(
                message.child ? EventType.SubOrchestrationInstanceFailed : EventType.TaskFailed,
                { TaskScheduledId: message.taskId, Reason: message.reason, Details: message.details, FailureDetails: null },
                message.at,
            );
        case 'timer': {
            const timer = o.open.get(message.taskId);
            if (message.executionId !== o.record.executionId || timer?.kind !== 'timer') return null;
            return event(EventType.TimerFired, { TimerId: message.taskId, FireAt: timer.fireAt }, message.at);
        }
        case 'control':
        case 'lock':
        case 'release':
        case 'operation':
            return null;
    }
}

const isOpen = (o: Orchestration, m: { executionId: string; taskId: number }): boolean =>
    m.executionId === o.record.executionId && o.open.has(m.taskId);

function startedEvent(o: Orchestration, { at, again }: Start): HistoryEvent {
    const { name: Name, version: Version, input: Input, executionId: ExecutionId, parent } = o.record;
    const ParentInstance = parent && {
        ...{ Name: parent.name, Version: parent.version, TaskScheduleId: parent.taskId },
        OrchestrationInstance: { InstanceId: parent.instanceId, ExecutionId: parent.executionId },
    };
    const fields = { OrchestrationInstance: { InstanceId: o.id, ExecutionId }, ParentInstance, Name, Version, Input };
    const tracing = { Tags: null, Correlation: null, ParentTraceContext: null, ScheduledStartTime: null, GenerateNewTrace: false };
    return event(EventType.ExecutionStarted, { ...fields, ...tracing, Generation: again || parent ? null : 0 }, at);
}

/** The payload of the orchestration trigger. */
export function triggerOf(o: Orchestration): Record<string, unknown> {
    return {
        history: o.history,
        input: o.record.input === null ? null : (JSON.parse(o.record.input) as unknown),
        instanceId: o.id,
        isReplaying: o.history.some((e) => e.IsPlayed),
        parentInstanceId: o.record.parent?.instanceId ?? null,
        upperSchemaVersion: 1,
        upperSchemaVersionNew: 3,
        longRunningTimerIntervalDuration: '3.00:00:00',
        maximumShortTimerDuration: '6.00:00:00',
        defaultHttpAsyncRequestSleepTimeMillseconds: 30000,
    };
}

/** What a finished episode turns into played: the messages, not what the host itself wrote. */
const { OrchestratorStarted, OrchestratorCompleted, TaskScheduled, SubOrchestrationInstanceCreated, TimerCreated, EventSent } = EventType;
const own: number[] = [OrchestratorStarted, OrchestratorCompleted, TaskScheduled, SubOrchestrationInstanceCreated, TimerCreated, EventSent];
export function markPlayed(events: HistoryEvent[]): void {
    for (const e of events) if (!own.includes(e.EventType)) e.IsPlayed = true;
}

/** A generation's first episode holds two ends: the first one came with the start, and is played with it. */
export function markBegun(events: HistoryEvent[]): void {
    for (const e of events) if (e.EventType === EventType.OrchestratorCompleted) e.IsPlayed = true;
}

/** Takes up an orchestration from its rows. The history of one that has ended is left in storage. */
export function restore(o: Orchestration, record: OrchestrationRecord, rows: Row[]): void {
    o.record = record;
    o.history = [];
    o.open.clear();
    if (isEnded(record.status)) return;
    for (const row of rowsOfHistory(record, rows)) {
        const episode = row.value as Recorded[];
        for (const r of episode) o.apply(r);
        markBegun(episode.slice(0, -1).map((r) => r.event));
    }
    markPlayed(o.history);
}

export const rowsOfHistory = (record: OrchestrationRecord, rows: Row[]): Row[] => {
    const prefix = historyKey(record, 0).slice(0, -8);
    return rows.filter((r) => r.rowKey.startsWith(prefix)).sort(byKey);
};
export const historyKey = (record: OrchestrationRecord, episode: number): string =>
    `h-${String(record.generation).padStart(6, '0')}-${String(episode).padStart(8, '0')}`;
export const byKey = (a: Row, b: Row): number => (a.rowKey < b.rowKey ? -1 : 1);

/** The record of an orchestration that a message starts; `before` is the ended instance whose id it takes. */
export function newRecord(start: Start, before: OrchestrationRecord | undefined, defaultVersion: string | null): OrchestrationRecord {
    return {
        ...{ kind: 'orchestration', name: start.name, input: start.input, parent: start.parent },
        status: 'Pending',
        version: start.version ?? defaultVersion,
        executionId: start.parent ? randomUUID().replaceAll('-', '') : randomUUID(),
        ...{ output: null, customStatus: null, episodes: 0, nextId: 0, leaves: 0 },
        createdAt: start.at,
        updatedAt: start.at,
        generation: (before?.generation ?? -1) + 1,
        sent: before?.sent ?? 0,
    };
}
