// Shapes of the engine: history events as the SDK reads them, messages between instances, what is kept of an instance.

export const EventType = {
    ExecutionStarted: 0,
    ExecutionTerminated: 3,
    TaskScheduled: 4,
    TaskCompleted: 5,
    TaskFailed: 6,
    SubOrchestrationInstanceCreated: 7,
    SubOrchestrationInstanceCompleted: 8,
    SubOrchestrationInstanceFailed: 9,
    TimerCreated: 10,
    TimerFired: 11,
    OrchestratorStarted: 12,
    OrchestratorCompleted: 13,
    EventSent: 14,
    EventRaised: 15,
    ExecutionSuspended: 19,
    ExecutionResumed: 20,
} as const;

export interface HistoryEvent {
    EventType: number;
    EventId: number;
    IsPlayed: boolean;
    Timestamp: string;
    [field: string]: unknown;
}

/** A history event with what only the engine needs to know of it, to take it up again after a restart. */
export interface Recorded {
    event: HistoryEvent;
    open?: Open;
}

/** Something that was begun and has not come back. `leaf` is its place among the leaves of the action tree. */
export type Open = { leaf?: number } & (
    | { kind: 'activity'; name: string; input: string; retry?: Retry }
    | { kind: 'child'; name: string; instanceId: string; input: unknown; retry?: Retry }
    | { kind: 'timer'; fireAt: string; retry?: Retry }
    | { kind: 'call'; requestId: string }
);
export type Call = Extract<Open, { kind: 'activity' | 'child' }>;

export interface Retry {
    attempt: number;
    options: {
        firstRetryIntervalInMilliseconds: number;
        maxNumberOfAttempts: number;
        backoffCoefficient?: number;
        maxRetryIntervalInMilliseconds?: number;
    };
    /** What a fired retry timer begins. */
    again: Call;
}

export type Status = 'Pending' | 'Running' | 'Completed' | 'Failed' | 'Terminated' | 'Suspended' | 'ContinuedAsNew';

export interface Parent {
    name: string;
    version: string | null;
    instanceId: string;
    executionId: string;
    taskId: number;
}

/** Which execution a start begins, if that is settled; and whether it is one that follows another. */
interface Generation {
    executionId?: string;
    again?: true;
}
export type Start = Extract<Message, { type: 'start' }>;
export type Message =
    | ({ type: 'start'; name: string; input: string | null; version: string | null; parent: Parent | null; at: string } & Generation)
    | { type: 'event'; name: string; input: string; at: string }
    | { type: 'reply'; requestId: string; input: string; at: string }
    | { type: 'done'; executionId: string; taskId: number; child: boolean; result: string; at: string }
    | { type: 'failed'; executionId: string; taskId: number; child: boolean; reason: string; details: string; at: string }
    | { type: 'timer'; executionId: string; taskId: number; at: string }
    | { type: 'control'; action: 'terminate' | 'suspend' | 'resume'; reason: string; at: string }
    | { type: 'lock'; set: string[]; place: number; requestId: string; from: string; at: string }
    | { type: 'release'; from: string; at: string }
    | { type: 'operation'; operation: string; input: string | null; signal: boolean; requestId: string; from: string | null; at: string };

/** A message in an inbox; without a row key it is not stored, for it can be found again (an activity is run again, a timer armed again). */
export interface Inboxed {
    message: Message;
    rowKey?: string;
}

export interface OrchestrationRecord {
    kind: 'orchestration';
    name: string;
    status: Status;
    version: string | null;
    executionId: string;
    input: string | null;
    output: unknown;
    customStatus: unknown;
    createdAt: string;
    updatedAt: string;
    parent: Parent | null;
    generation: number;
    /** Rows of history written in this generation. */
    episodes: number;
    nextId: number;
    /** Leaves of the action tree that have been acted on. */
    leaves: number;
    sent: number;
    /** Entities that it has asked to lock, or holds. */
    locks?: string[];
    lockId?: string;
}

export interface EntityRecord {
    kind: 'entity';
    exists: boolean;
    state: string | null;
    /** The orchestration in whose critical section it is. */
    lockedBy?: string | undefined;
    updatedAt: string;
    sent: number;
}

export interface Outgoing {
    to: string;
    message: Message;
}

/** Messages with the row keys they will have in their inboxes: delivered twice, they are one row. */
export interface OutboxRow {
    messages: (Outgoing & { rowKey: string })[];
}

export const isEnded = (s: Status): boolean => s === 'Completed' || s === 'Failed' || s === 'Terminated';
export const iso = (ms = Date.now()): string => new Date(ms).toISOString();
