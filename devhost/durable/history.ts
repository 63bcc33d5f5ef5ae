// History as the durable HTTP API shows it: what was begun stands with what came of it, and the engine's own books are left out.
import type { Orchestration } from './instance';
import { EventType, isEnded, type HistoryEvent, type Recorded } from './messages';

const nameOf = Object.fromEntries(Object.entries(EventType).map(([name, n]) => [n, name]));
const begun = new Set<number>([EventType.TaskScheduled, EventType.SubOrchestrationInstanceCreated]);
const inside = new Set<number>([EventType.OrchestratorStarted, EventType.OrchestratorCompleted]);
const results = new Set<number>([EventType.TaskCompleted, EventType.SubOrchestrationInstanceCompleted]);
const hidden = [
    'EventId',
    'IsPlayed',
    'OrchestrationInstance',
    'ParentInstance',
    'Version',
    'Tags',
    'TaskScheduledId',
    'TimerId',
    'ClientSpanId',
];

export function shownHistory(o: Orchestration, recorded: Recorded[], withOutput: boolean): Record<string, unknown>[] {
    const events = recorded.map((r) => r.event);
    const beginnings = new Map(events.filter((e) => begun.has(e.EventType)).map((e) => [e.EventId, e]));
    const ended = new Set(events.map((e) => e.TaskScheduledId));
    const shown = events
        .filter((e) => !inside.has(e.EventType) && !(begun.has(e.EventType) && ended.has(e.EventId)))
        .map((e) => shownEvent(e, beginnings.get(e.TaskScheduledId as number), withOutput));
    const { status, output, updatedAt } = o.record;
    if (isEnded(status) && status !== 'Terminated')
        shown.push({
            EventType: 'ExecutionCompleted',
            OrchestrationStatus: status,
            ...(withOutput ? { Result: output } : {}),
            FailureDetails: null,
            Timestamp: updatedAt,
        });
    return shown;
}

function shownEvent(e: HistoryEvent, beginning: HistoryEvent | undefined, withOutput: boolean): Record<string, unknown> {
    const { Timestamp, ...shown }: Record<string, unknown> = { ...e, EventType: nameOf[e.EventType] };
    for (const field of hidden) delete shown[field];
    if (results.has(e.EventType)) {
        if (withOutput) shown.Result = e.Result === null ? null : (JSON.parse(e.Result as string) as unknown);
        else delete shown.Result;
    }
    if (e.EventType === EventType.ExecutionTerminated) {
        shown.Reason = e.Input;
        delete shown.Input;
    }
    shown.Timestamp = Timestamp;
    const name = e.EventType === EventType.ExecutionStarted || begun.has(e.EventType) ? e.Name : beginning?.Name;
    if (beginning) Object.assign(shown, { ScheduledTime: beginning.Timestamp.replace('Z', '+00:00'), FunctionName: name, Input: null });
    else if (name !== undefined) {
        delete shown.Name;
        shown.FunctionName = name;
    }
    return shown;
}
