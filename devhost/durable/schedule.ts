// New leaves of the action tree become history, open work and messages. Ids are given in the order in which the SDK gives them.
import { randomUUID } from 'node:crypto';
import { ActionType, activityInput, type Action } from './actions';
import { dotnet, signal } from './entities';
import { event, type Orchestration } from './instance';
import { EventType, iso, type Call, type HistoryEvent, type Open, type Outgoing, type Recorded, type Retry } from './messages';

export function schedule(o: Orchestration, leaves: Action[], out: Outgoing[], version: string | null): Recorded[] {
    const recorded: Recorded[] = [];
    for (let leaf = o.record.leaves; leaf < leaves.length; leaf++) {
        const a = leaves[leaf]!;
        switch (a.actionType) {
            case ActionType.ExternalEvent:
            case ActionType.ContinueAsNew:
                break;
            case ActionType.Activity:
            case ActionType.ActivityRetry:
                recorded.push(
                    task(o.record.nextId++, withRetry({ kind: 'activity', leaf, name: a.functionName!, input: activityInput(a.input) }, a)),
                );
                break;
            case ActionType.Child:
            case ActionType.ChildRetry: {
                const id = o.record.nextId++;
                const instanceId = a.instanceId ?? `${o.record.executionId}:${id}`;
                const call = withRetry({ kind: 'child', leaf, name: a.functionName!, instanceId, input: a.input ?? null }, a);
                recorded.push(child(o, id, call, out, version));
                break;
            }
            case ActionType.Timer:
                recorded.push(timer(o.record.nextId++, { kind: 'timer', leaf, fireAt: a.fireAt! }));
                break;
            case ActionType.Lock:
                recorded.push(lock(o, leaf, a, out));
                break;
            case ActionType.Release:
                for (const to of o.record.locks ?? []) {
                    const input = JSON.stringify({ $type: dotnet('ReleaseMessage'), parent: o.id, id: o.record.lockId });
                    recorded.push({ event: sent(o.record.nextId++, to, 'release', input) });
                    out.push({ to, message: { type: 'release', from: o.id, at: iso() } });
                }
                delete o.record.locks;
                delete o.record.lockId;
                break;
            default:
                recorded.push(operation(o, leaf, a, out));
        }
    }
    o.record.leaves = Math.max(o.record.leaves, leaves.length);
    return recorded;
}

/** The SDK's retry options: a failed try makes a timer, a fired timer the next try; the last failure gets a timer of no length. */
export function retries(o: Orchestration, happened: HistoryEvent, open: Open, out: Outgoing[], version: string | null): Recorded[] {
    const retry = open.kind === 'call' ? undefined : open.retry;
    if (!retry) return [];
    const leaf = open.leaf === undefined ? {} : { leaf: open.leaf };
    if (happened.EventType === EventType.TaskFailed || happened.EventType === EventType.SubOrchestrationInstanceFailed) {
        const { firstRetryIntervalInMilliseconds: first, backoffCoefficient, maxRetryIntervalInMilliseconds: most } = retry.options;
        const last = retry.attempt >= retry.options.maxNumberOfAttempts;
        const delay = last ? 0 : Math.min(first * (backoffCoefficient ?? 1) ** (retry.attempt - 1), most ?? Infinity);
        const fireAt = iso(Date.now() + delay);
        return [timer(o.record.nextId++, { kind: 'timer', fireAt, ...leaf, ...(last ? {} : { retry }) })];
    }
    if (happened.EventType !== EventType.TimerFired) return [];
    const call: Call = { ...retry.again, retry: { ...retry, attempt: retry.attempt + 1 } };
    const id = o.record.nextId++;
    return [call.kind === 'activity' ? task(id, call) : child(o, id, call, out, version)];
}

/** Timers that the orchestrator has cancelled and that are still open: they fire, as on the real host, but nothing waits for them. */
export function cancelledTimers(o: Orchestration, leaves: Action[]): number[] {
    return [...o.open]
        .filter(([, open]) => {
            const leaf = open.kind === 'timer' && open.leaf !== undefined ? leaves[open.leaf] : undefined;
            return leaf?.actionType === ActionType.Timer && leaf.isCanceled;
        })
        .map(([id]) => id);
}

function withRetry<C extends Call>(call: C, a: Action): C {
    return a.retryOptions ? { ...call, retry: { attempt: 1, options: a.retryOptions as Retry['options'], again: call } } : call;
}

const timer = (id: number, open: Extract<Open, { kind: 'timer' }>): Recorded => ({
    event: event(EventType.TimerCreated, { FireAt: open.fireAt }, iso(), id),
    open,
});

const task = (id: number, call: Extract<Call, { kind: 'activity' }>): Recorded => ({
    event: event(EventType.TaskScheduled, { Name: call.name, Version: '', Input: null, ParentTraceContext: null, Tags: null }, iso(), id),
    open: call,
});

function child(o: Orchestration, id: number, call: Extract<Call, { kind: 'child' }>, out: Outgoing[], version: string | null): Recorded {
    const { name, instanceId, input } = call;
    const { name: parentName, version: parentVersion, executionId } = o.record;
    const parent = { name: parentName, version: parentVersion, instanceId: o.id, executionId, taskId: id };
    out.push({ to: instanceId, message: { type: 'start', name, input: JSON.stringify(input), version, parent, at: iso() } });
    const fields = { Name: name, Version: version, InstanceId: instanceId, Input: null, ClientSpanId: null, Tags: null };
    return { event: event(EventType.SubOrchestrationInstanceCreated, fields, iso(), id), open: call };
}

const sent = (id: number, to: string, name: string, input: string): HistoryEvent =>
    event(EventType.EventSent, { InstanceId: to, Name: name, Input: input }, iso(), id);

/** A request to an entity as it stands in history. Nobody reads its predecessor here: messages are in order anyway. */
const requestOf = (o: Orchestration, id: string, request: object, rest: object): string => {
    const from = { id, parent: o.id, parentExecution: o.record.executionId };
    const times = { Timestamp: iso(), Predecessor: '0001-01-01T00:00:00' };
    return JSON.stringify({ $type: dotnet('RequestMessage'), ...request, ...from, ...times, ...rest });
};

function operation(o: Orchestration, leaf: number, a: Action, out: Outgoing[]): Recorded {
    const input = a.input === undefined ? null : JSON.stringify(a.input);
    const isSignal = a.actionType === ActionType.SignalEntity;
    const op = signal(a.operation!, input) as Extract<ReturnType<typeof signal>, { type: 'operation' }>;
    out.push({ to: a.instanceId!, message: isSignal ? op : { ...op, signal: false, from: o.id } });
    const { requestId } = op;
    const request = { op: a.operation, ...(isSignal ? { signal: true } : {}), ...(input === null ? {} : { input }) };
    const e = sent(o.record.nextId++, a.instanceId!, 'op', requestOf(o, requestId, request, { requestTime: iso() }));
    return isSignal ? { event: e } : { event: e, open: { kind: 'call', leaf, requestId } };
}

function lock(o: Orchestration, leaf: number, a: Action, out: Outgoing[]): Recorded {
    const names = a.lockSet as { name: string; key: string }[];
    // One order for all: two sections over the same entities then cannot wait for each other.
    const set = names.map(({ name, key }) => `@${name.toLowerCase()}@${key}`).sort();
    const requestId = randomUUID();
    o.record.locks = set;
    o.record.lockId = requestId;
    out.push({ to: set[0]!, message: { type: 'lock', set, place: 0, requestId, from: o.id, at: iso() } });
    const ids = set.map((id) => id.split('@')).map(([, name, ...key]) => ({ $type: dotnet('EntityId'), name, key: key.join('@') }));
    const input = requestOf(o, requestId, { op: null }, { lockset: ids });
    return { event: sent(o.record.nextId++, set[0]!, 'op', input), open: { kind: 'call', leaf, requestId } };
}
