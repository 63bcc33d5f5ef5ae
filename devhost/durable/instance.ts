// One orchestration in memory: its record, its history, what it waits for; and how messages become history.
import { EventType, iso, type HistoryEvent, type Inboxed, type Message, type Open, type OrchestrationRecord, type Recorded } from './types';

export class Orchestration {
    record!: OrchestrationRecord;
    history: HistoryEvent[] = [];
    readonly open = new Map<number, Open>();
    inbox: Inboxed[] = [];
    running = false;
    /** Told to be suspended: messages gather, nothing runs. */
    suspended = false;
    readonly timers = new Map<number, NodeJS.Timeout>();

    constructor(readonly id: string) {}

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
            return startedEvent(o, message.at);
        case 'event':
            return event(EventType.EventRaised, { Name: message.name, Input: message.input }, message.at);
        case 'reply':
            return [...o.open.values()].some((x) => x.kind === 'call' && x.requestId === message.requestId)
                ? event(EventType.EventRaised, { Name: message.requestId, Input: message.input }, message.at)
                : null;
        case 'done':
            if (!isOpen(o, message)) return null;
            return event(
                message.child ? EventType.SubOrchestrationInstanceCompleted : EventType.TaskCompleted,
                { TaskScheduledId: message.taskId, Result: message.result },
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
        case 'operation':
            return null;
    }
}

const isOpen = (o: Orchestration, m: { executionId: string; taskId: number }): boolean =>
    m.executionId === o.record.executionId && o.open.has(m.taskId);

export function startedEvent(o: Orchestration, at: string): HistoryEvent {
    const { record } = o;
    const parent = record.parent && {
        Name: null,
        OrchestrationInstance: { InstanceId: record.parent.instanceId, ExecutionId: record.parent.executionId },
        TaskScheduleId: record.parent.taskId,
        Version: null,
    };
    return event(
        EventType.ExecutionStarted,
        {
            OrchestrationInstance: { InstanceId: o.id, ExecutionId: record.executionId },
            ParentInstance: parent,
            Name: record.name,
            Version: record.version,
            Input: record.input,
            Tags: null,
            Correlation: null,
            ParentTraceContext: null,
            ScheduledStartTime: null,
            Generation: 0,
            GenerateNewTrace: false,
        },
        at,
    );
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
const messages = new Set<number>([
    EventType.ExecutionStarted,
    EventType.TaskCompleted,
    EventType.TaskFailed,
    EventType.SubOrchestrationInstanceCompleted,
    EventType.SubOrchestrationInstanceFailed,
    EventType.TimerFired,
    EventType.EventRaised,
]);
export function markPlayed(events: HistoryEvent[]): void {
    for (const e of events) if (messages.has(e.EventType)) e.IsPlayed = true;
}
