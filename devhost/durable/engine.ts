// The engine: takes messages in, runs episodes, commits them, then does what they ask for. Nothing is done before it is committed.
import { randomUUID } from 'node:crypto';
import type { App, RegisteredFunction } from '../core';
import { Gate } from '../gate';
import { ActionType, activityInput, answerOf, leavesOf, quoted, unsupported, yieldedAgain, type Action, type Answer } from './actions';
import { EntityInstance, runEntity } from './entities';
import { event, eventOf, markPlayed, Orchestration, triggerOf } from './instance';
import type { HubStore, Row } from './store';
import {
    EventType,
    isEnded,
    iso,
    type EntityRecord,
    type HistoryEvent,
    type Inboxed,
    type Message,
    type Open,
    type OrchestrationRecord,
    type OutboxRow,
    type Parent,
    type Recorded,
    type Retry,
    type Status,
} from './types';

/** Messages that one episode takes in: their rows must fit one transaction beside its own. */
const MAX_BATCH = 90;
const MAX_EPISODE_FAILURES = 5;
/** setTimeout counts in 31 bits. */
const MAX_TIMEOUT = 2 ** 31 - 1;

export interface EngineOptions {
    maxActivities: number;
    maxOrchestrations: number;
    defaultVersion: string | null;
    log: (level: string, category: string, message: string) => void;
    /** When the process of the last run died but its supervisor did not: how it ended. Its running activities have failed then. */
    workerDeath: string | null;
}

export class Engine {
    readonly orchestrations = new Map<string, Orchestration>();
    readonly entities = new Map<string, EntityInstance>();
    private readonly activityGate: Gate;
    private readonly episodeGate: Gate;
    private counter = 0;
    private stopped = false;

    constructor(
        private readonly app: App,
        readonly store: HubStore,
        readonly options: EngineOptions,
    ) {
        this.activityGate = new Gate(options.maxActivities);
        this.episodeGate = new Gate(options.maxOrchestrations);
    }

    stop(): void {
        this.stopped = true;
    }

    // --- start-up -------------------------------------------------------------------------------------------------

    /** Takes up what the last run left: undelivered messages, unfinished activities, timers. */
    async recover(): Promise<void> {
        const rows = await this.store.loadActive();
        const ids = new Set(rows.filter((r) => r.rowKey === 'i' || r.rowKey.startsWith('m-')).map((r) => r.id));
        await Promise.all([...ids].map((id) => this.load(id)));
        for (const row of rows.filter((r) => r.rowKey.startsWith('o-')))
            await this.deliverOutbox(row.id, row.rowKey, row.value as OutboxRow);
        for (const o of this.orchestrations.values()) {
            if (!o.record || isEnded(o.record.status)) continue;
            for (const [id, open] of o.open) if (open.kind !== 'child' && open.kind !== 'call') this.begin(o, id, open, true);
        }
        for (const id of ids) this.wake(id);
    }

    private async load(id: string): Promise<void> {
        const rows = await this.store.loadInstance(id);
        const record = rows.find((r) => r.rowKey === 'i')?.value as OrchestrationRecord | EntityRecord | undefined;
        const inbox = rows
            .filter((r) => r.rowKey.startsWith('m-'))
            .sort(byKey)
            .map((r): Inboxed => ({ message: r.value as Message, rowKey: r.rowKey }));
        if (id.startsWith('@')) {
            const entity = this.entity(id);
            if (record?.kind === 'entity') entity.record = record;
            entity.inbox.push(...inbox);
            return;
        }
        const o = this.orchestration(id);
        if (record?.kind === 'orchestration') restore(o, record, rows);
        o.inbox.push(...inbox);
    }

    private orchestration(id: string): Orchestration {
        let o = this.orchestrations.get(id);
        if (!o) this.orchestrations.set(id, (o = new Orchestration(id)));
        return o;
    }

    private entity(id: string): EntityInstance {
        let e = this.entities.get(id);
        if (!e) this.entities.set(id, (e = new EntityInstance(id)));
        return e;
    }

    /** An orchestration, from memory or from the table. */
    async find(id: string): Promise<Orchestration | null> {
        const known = this.orchestrations.get(id);
        if (known?.record) return known;
        if (!known) await this.load(id);
        const o = this.orchestrations.get(id)!;
        if (o.record || o.inbox.length > 0) return o;
        this.orchestrations.delete(id);
        return null;
    }

    async findEntity(id: string): Promise<EntityInstance> {
        if (!this.entities.has(id)) await this.load(id);
        return this.entity(id);
    }

    // --- messages -------------------------------------------------------------------------------------------------

    /** A message from outside, stored before this returns. */
    async send(to: string, message: Message): Promise<void> {
        if (to.startsWith('@')) await this.findEntity(to);
        else await this.find(to);
        const rowKey = `m-${String(Date.now()).padStart(14, '0')}-${String(this.counter++).padStart(8, '0')}-${randomUUID().slice(0, 8)}`;
        await this.store.deliver(to, rowKey, message);
        this.enqueue(to, { message, rowKey });
    }

    private enqueue(to: string, inboxed: Inboxed): void {
        (to.startsWith('@') ? this.entity(to) : this.orchestration(to)).inbox.push(inboxed);
        this.wake(to);
    }

    private async deliverOutbox(from: string, rowKey: string, { messages }: OutboxRow): Promise<void> {
        const keys = messages.map(
            (_, k) => `m-${String(Date.now()).padStart(14, '0')}-${String(this.counter++).padStart(8, '0')}-${tag(from)}-${rowKey}-${k}`,
        );
        await Promise.all(messages.map(async (m) => (m.to.startsWith('@') ? this.findEntity(m.to) : this.find(m.to))));
        await Promise.all(messages.map((m, k) => this.store.deliver(m.to, keys[k]!, m.message)));
        // Only what is no longer in the outbox is handed on: what is handed on can be consumed, and must not come again.
        await this.store.remove(from, rowKey);
        messages.forEach((m, k) => this.enqueue(m.to, { message: m.message, rowKey: keys[k]! }));
    }

    /** Sends on what an episode has committed to its outbox, in order, again and again until storage takes it. */
    async deliver(from: string, rowKey: string, row: OutboxRow): Promise<void> {
        for (let delay = 200; !this.stopped; delay = Math.min(5000, delay * 2)) {
            try {
                return await this.deliverOutbox(from, rowKey, row);
            } catch (error) {
                this.options.log('warning', 'Host.Durable', `messages of ${from} are not delivered yet: ${String(error)}`);
                await new Promise((resolve) => setTimeout(resolve, delay));
            }
        }
    }

    private wake(id: string): void {
        const it = id.startsWith('@') ? this.entity(id) : this.orchestration(id);
        if (it.running || it.inbox.length === 0 || this.stopped) return;
        it.running = true;
        void this.episodeGate.run(async () => {
            let failures = 0;
            while (it.inbox.length > 0 && !this.stopped) {
                const batch = it.inbox.slice(0, MAX_BATCH);
                try {
                    if (it instanceof EntityInstance) await runEntity(this, this.app, it, batch);
                    else await this.episode(it, batch);
                    it.inbox.splice(0, batch.length);
                    failures = 0;
                } catch (error) {
                    this.options.log(
                        'error',
                        'Host.Durable',
                        `an episode of ${id} broke off in the host: ${(error as Error).stack ?? String(error)}`,
                    );
                    if (++failures >= MAX_EPISODE_FAILURES && it instanceof Orchestration && it.record) {
                        await this.reload(it);
                        await this.finish(it, 'Failed', `The host could not run this orchestration: ${String(error)}`, [], batch);
                        it.inbox.splice(0, batch.length);
                        continue;
                    }
                    await new Promise((resolve) => setTimeout(resolve, 200 * 2 ** failures));
                    if (it instanceof Orchestration) await this.reload(it);
                }
            }
            it.running = false;
            if (it.inbox.length > 0) this.wake(id);
        });
    }

    /** Back to what is committed. */
    private async reload(o: Orchestration): Promise<void> {
        const rows = await this.store.loadInstance(o.id);
        const record = rows.find((r) => r.rowKey === 'i')?.value as OrchestrationRecord | undefined;
        if (record) restore(o, record, rows);
        else (o as { record: OrchestrationRecord | undefined }).record = undefined;
    }

    // --- an episode of an orchestration ---------------------------------------------------------------------------

    private async episode(o: Orchestration, batch: Inboxed[]): Promise<void> {
        const removals = batch.flatMap((b) => b.rowKey ?? []);
        if (await this.control(o, batch)) return;
        if (!o.record || isEnded(o.record.status) || o.suspended) {
            const start = batch.find((b) => b.message.type === 'start')?.message;
            if (start?.type !== 'start') {
                // Of an instance that is unknown or over, messages are dropped; of a suspended one, kept in memory until it resumes.
                if (o.suspended && o.record && !isEnded(o.record.status)) this.held(o).push(...batch);
                else if (removals.length > 0) await this.store.commit(o.id, { remove: removals });
                return;
            }
            begin(o, start, this.options.defaultVersion);
        }
        const fresh: Recorded[] = [{ event: event(EventType.OrchestratorStarted, {}) }];
        const retried: Recorded[] = [];
        for (const { message } of batch) {
            if (message.type === 'start' && o.history.length > 0) {
                // The id is taken. A child's parent is told; a second start from outside was refused before it came here.
                if (message.parent) await this.refuseChild(o, message.parent);
                continue;
            }
            const happened = eventOf(o, message);
            if (!happened) continue;
            const open = o.open.get((happened.TaskScheduledId ?? happened.TimerId) as number);
            fresh.push({ event: happened });
            o.apply({ event: happened });
            if (open) retried.push(...this.retries(o, happened, open));
        }
        // Nothing but late or doubled messages: no episode.
        if (fresh.length === 1) {
            if (removals.length > 0) await this.store.commit(o.id, { remove: removals });
            return;
        }
        o.history.splice(o.history.length - (fresh.length - 1), 0, fresh[0]!.event);
        for (const r of retried) o.apply(r);

        const answer = await this.decide(o);
        if (answer.customStatus !== undefined) o.record.customStatus = answer.customStatus;
        const leaves = leavesOf((answer.actions ?? []).flat());
        const refused = leaves.map(unsupported).find((u) => u !== null);
        if (refused)
            return this.finish(
                o,
                'Failed',
                `The local host does not support ${refused}. Use Azure Functions Core Tools for this orchestration.`,
                [...fresh, ...retried],
                batch,
            );

        const outbox: OutboxRow = { messages: [] };
        const scheduled = this.schedule(o, leaves.slice(o.record.leaves), outbox);
        o.record.leaves = Math.max(o.record.leaves, leaves.length);
        const cancelled = cancelledTimers(o, leaves);
        const again = leaves.find((a) => a.actionType === ActionType.ContinueAsNew);
        const recorded = [...fresh, ...retried, ...scheduled, { event: event(EventType.OrchestratorCompleted, {}) }];
        for (const r of recorded.slice(fresh.length + retried.length)) o.apply(r);
        for (const id of cancelled) this.disarm(o, id);

        if (answer.isDone && again && answer.error === undefined) return this.continueAsNew(o, again, outbox, batch);
        if ((answer.isDone || answer.error !== undefined) && o.open.size === 0) {
            const failed = answer.error !== undefined;
            const output = failed ? `Orchestrator function '${o.record.name}' failed: ${answer.error}` : (answer.output ?? null);
            return this.finish(o, failed ? 'Failed' : 'Completed', output, recorded, batch, outbox);
        }
        if (o.open.size === 0 && !leaves.some((l) => l.actionType === ActionType.ExternalEvent)) {
            this.options.log(
                'warning',
                'Host.Durable',
                `${o.record.name} ${o.id} waits for nothing: it yielded a task over tasks that had all completed, and will never go on. The real host does the same.`,
            );
        }
        o.record.status = 'Running';
        await this.commit(o, recorded, outbox, removals);
        markPlayed(o.history);
        for (const r of [...retried, ...scheduled]) if (r.open) this.begin(o, r.event.EventId, r.open, false);
    }

    /** Terminate, suspend and resume come before everything else; true when they took the whole batch. */
    private async control(o: Orchestration, batch: Inboxed[]): Promise<boolean> {
        const controls = batch.filter((b) => b.message.type === 'control');
        if (controls.length === 0) return false;
        const rest = batch.filter((b) => b.message.type !== 'control');
        for (const { message } of controls) {
            if (message.type !== 'control' || !o.record || isEnded(o.record.status)) continue;
            if (message.action === 'terminate') {
                await this.finish(o, 'Terminated', message.reason, [], batch);
                return true;
            }
            o.suspended = message.action === 'suspend';
            o.record.status = o.suspended ? 'Suspended' : 'Running';
        }
        const removals = controls.flatMap((b) => b.rowKey ?? []);
        await this.store.commit(o.id, {
            ...(o.record ? { put: [{ rowKey: 'i', value: o.record, active: !isEnded(o.record.status) }] } : {}),
            remove: removals,
        });
        const released = o.suspended ? [] : this.held(o).splice(0);
        // They go behind this batch, which is taken off the front of the inbox when this returns.
        o.inbox.push(...released, ...rest);
        return true;
    }

    private refuseChild(o: Orchestration, parent: Parent): Promise<void> {
        const details = `An orchestration with the id ${o.id} is already running.`;
        return this.send(parent.instanceId, {
            type: 'failed',
            executionId: parent.executionId,
            taskId: parent.taskId,
            child: true,
            reason: details,
            details,
            at: iso(),
        });
    }

    private readonly holding = new Map<string, Inboxed[]>();
    private held(o: Orchestration): Inboxed[] {
        let held = this.holding.get(o.id);
        if (!held) this.holding.set(o.id, (held = []));
        return held;
    }

    private async decide(o: Orchestration): Promise<Answer> {
        const fn = this.function('orchestrationTrigger', o.record.name);
        if (!fn)
            return {
                isDone: true,
                actions: [],
                error: `The orchestrator function '${o.record.name}' doesn't exist, is disabled, or is not an orchestrator function.`,
            };
        let live: Answer | undefined;
        const watched: RegisteredFunction = { ...fn, callback: async (...args) => (live = (await fn.callback(...args)) as Answer) };
        try {
            const returned = await this.app.invoke(
                watched,
                [{ name: fn.trigger.name, data: { string: JSON.stringify(triggerOf(o)) } }],
                {},
            );
            const answer = JSON.parse((returned?.string ?? returned?.json ?? 'null') as string) as Answer;
            const twice = live
                ? yieldedAgain(live.actions.flat()).find((a) => a.actionType !== ActionType.ExternalEvent && this.isPending(o, live!, a))
                : undefined;
            if (twice) {
                return {
                    isDone: true,
                    actions: answer.actions,
                    error: `Non-Deterministic workflow detected: a pending task (${twice.functionName ?? twice.operation ?? 'timer'}) was yielded a second time. The engine schedules it again then, and later results reach the wrong tasks. Yield each task once.`,
                };
            }
            return answer;
        } catch (error) {
            return answerOf(error) ?? { isDone: true, actions: [], error: (error as Error).message };
        }
    }

    /** Whether the first appearance of a leaf is a task that has not come back. */
    private isPending(o: Orchestration, live: Answer, leaf: Action): boolean {
        const numbered = leavesOf(live.actions.flat()).filter(
            (a) => a.actionType !== ActionType.ExternalEvent && a.actionType !== ActionType.ContinueAsNew,
        );
        const id = numbered.indexOf(leaf);
        return id >= o.record.nextId || o.open.has(id);
    }

    /** New leaves become history and open work. */
    private schedule(o: Orchestration, leaves: Action[], outbox: OutboxRow): Recorded[] {
        const recorded: Recorded[] = [];
        for (const a of leaves) {
            if (a.actionType === ActionType.ExternalEvent || a.actionType === ActionType.ContinueAsNew) continue;
            const id = o.record.nextId++;
            if (a.actionType === ActionType.Activity || a.actionType === ActionType.ActivityRetry) {
                const call = { kind: 'activity' as const, name: a.functionName!, input: activityInput(a.input) };
                recorded.push(scheduledTask(id, { ...call, ...(a.retryOptions ? { retry: firstTry(a.retryOptions, call) } : {}) }));
            } else if (a.actionType === ActionType.Child || a.actionType === ActionType.ChildRetry) {
                const call = {
                    kind: 'child' as const,
                    name: a.functionName!,
                    instanceId: a.instanceId ?? `${o.id}:${id}`,
                    input: a.input ?? null,
                };
                recorded.push(
                    this.scheduledChild(o, id, { ...call, ...(a.retryOptions ? { retry: firstTry(a.retryOptions, call) } : {}) }, outbox),
                );
            } else if (a.actionType === ActionType.Timer) {
                recorded.push({
                    event: event(EventType.TimerCreated, { FireAt: a.fireAt! }, iso(), id),
                    open: { kind: 'timer', fireAt: a.fireAt! },
                });
            } else {
                const signal = a.actionType === ActionType.SignalEntity;
                const requestId = randomUUID();
                const input = a.input === undefined ? null : JSON.stringify(a.input);
                const request = JSON.stringify({
                    id: requestId,
                    op: a.operation,
                    signal,
                    input,
                    parent: o.id,
                    parentExecution: o.record.executionId,
                });
                const sent = event(EventType.EventSent, { InstanceId: a.instanceId, Name: 'op', Input: request }, iso(), id);
                recorded.push(signal ? { event: sent } : { event: sent, open: { kind: 'call', requestId } });
                outbox.messages.push({
                    to: a.instanceId!,
                    message: {
                        type: 'operation',
                        operation: a.operation!,
                        input,
                        signal,
                        requestId,
                        from: signal ? null : o.id,
                        at: iso(),
                    },
                });
            }
        }
        return recorded;
    }

    private scheduledChild(o: Orchestration, id: number, call: Extract<Open, { kind: 'child' }>, outbox: OutboxRow): Recorded {
        const { name, instanceId, input } = call;
        const parent = { instanceId: o.id, executionId: o.record.executionId, taskId: id };
        outbox.messages.push({
            to: instanceId,
            message: { type: 'start', name, input: JSON.stringify(input), version: this.options.defaultVersion, parent, at: iso() },
        });
        return {
            event: event(
                EventType.SubOrchestrationInstanceCreated,
                { Name: name, Version: this.options.defaultVersion, InstanceId: instanceId, Input: null, ClientSpanId: null, Tags: null },
                iso(),
                id,
            ),
            open: call,
        };
    }

    /** The SDK's retry options: a failed try makes a timer, a fired timer the next try; the last failure gets a timer of no length. */
    private retries(o: Orchestration, happened: HistoryEvent, open: Open): Recorded[] {
        const retry = open.kind === 'call' ? undefined : open.retry;
        if (!retry) return [];
        const failed = happened.EventType === EventType.TaskFailed || happened.EventType === EventType.SubOrchestrationInstanceFailed;
        if (failed) {
            const last = retry.attempt >= retry.options.maxNumberOfAttempts;
            const { firstRetryIntervalInMilliseconds: first, backoffCoefficient = 1, maxRetryIntervalInMilliseconds: most } = retry.options;
            const delay = last ? 0 : Math.min(first * backoffCoefficient ** (retry.attempt - 1), most ?? Infinity);
            const fireAt = iso(Date.now() + delay);
            const id = o.record.nextId++;
            return [
                {
                    event: event(EventType.TimerCreated, { FireAt: fireAt }, iso(), id),
                    open: { kind: 'timer', fireAt, ...(last ? { last: true } : { retry }) },
                },
            ];
        }
        if (happened.EventType !== EventType.TimerFired) return [];
        const next: Retry = { ...retry, attempt: retry.attempt + 1 };
        const id = o.record.nextId++;
        if (retry.again.kind === 'activity') return [scheduledTask(id, { ...retry.again, retry: next })];
        const outbox: OutboxRow = { messages: [] };
        const recorded = this.scheduledChild(o, id, { ...retry.again, retry: next }, outbox);
        for (const m of outbox.messages) void this.send(m.to, m.message);
        return [recorded];
    }

    private async continueAsNew(o: Orchestration, action: Action, outbox: OutboxRow, batch: Inboxed[]): Promise<void> {
        const raised = o.history.filter((e) => e.EventType === EventType.EventRaised && !/^[0-9a-f-]{36}$/.test(String(e.Name))).length;
        const waited = leavesCount(o, ActionType.ExternalEvent);
        if (raised > waited)
            this.options.log(
                'warning',
                'Host.Durable',
                `${o.record.name} ${o.id} continued as new: ${raised - waited} external event(s) that came before are dropped, as on the real host.`,
            );
        const old = historyKeys(o);
        o.beginGeneration(randomUUID());
        o.record.input = quoted(action.input);
        const input = o.record.input;
        const restart: Message = {
            type: 'start',
            name: o.record.name,
            input,
            version: o.record.version,
            parent: o.record.parent,
            at: iso(),
        };
        const rowKey = `m-${String(Date.now()).padStart(14, '0')}-${String(this.counter++).padStart(8, '0')}-again`;
        await this.commit(
            o,
            [],
            outbox,
            batch.flatMap((b) => b.rowKey ?? []),
            [{ rowKey, value: restart }],
        );
        // The restart goes before what has come in since this batch, which is still at the front.
        o.inbox.splice(batch.length, 0, { message: restart, rowKey });
        await this.store.commit(o.id, { remove: old });
    }

    private async finish(
        o: Orchestration,
        status: Status,
        output: unknown,
        recorded: Recorded[],
        batch: Inboxed[],
        outbox: OutboxRow = { messages: [] },
    ): Promise<void> {
        o.record.status = status;
        o.record.output = output;
        const { parent } = o.record;
        if (parent) {
            const ids = { executionId: parent.executionId, taskId: parent.taskId, child: true, at: iso() };
            const message: Message =
                status === 'Completed'
                    ? { type: 'done', ...ids, result: JSON.stringify(output ?? null) }
                    : {
                          type: 'failed',
                          ...ids,
                          reason: `Sub-orchestrator function '${o.record.name}' failed: ${String(output)}`,
                          details: String(output),
                      };
            outbox.messages.push({ to: parent.instanceId, message });
        }
        for (const id of o.timers.keys()) this.disarm(o, id);
        o.open.clear();
        await this.commit(
            o,
            recorded,
            outbox,
            batch.flatMap((b) => b.rowKey ?? []),
        );
        this.holding.delete(o.id);
    }

    private async commit(
        o: Orchestration,
        recorded: Recorded[],
        outbox: OutboxRow,
        remove: string[],
        extra: { rowKey: string; value: unknown }[] = [],
    ): Promise<void> {
        o.record.updatedAt = iso();
        const put: { rowKey: string; value: unknown; active?: boolean }[] = [...extra];
        if (recorded.length > 0) put.push({ rowKey: historyKey(o, o.record.episodes++), value: recorded });
        const out = `o-${String(o.record.sent++).padStart(8, '0')}`;
        if (outbox.messages.length > 0) put.push({ rowKey: out, value: outbox });
        put.push({ rowKey: 'i', value: o.record, active: !isEnded(o.record.status) });
        await this.store.commit(o.id, { put, remove });
        if (outbox.messages.length > 0) void this.deliver(o.id, out, outbox);
    }

    // --- open work ------------------------------------------------------------------------------------------------

    private begin(o: Orchestration, id: number, open: Open, recovering: boolean): void {
        const { executionId } = o.record;
        if (open.kind === 'timer') this.arm(o, id, open.fireAt);
        if (open.kind !== 'activity') return;
        if (recovering && this.options.workerDeath) {
            const reason = `Activity function '${open.name}' failed:  ${this.options.workerDeath}`;
            this.enqueue(o.id, {
                message: { type: 'failed', executionId, taskId: id, child: false, reason, details: this.options.workerDeath, at: iso() },
            });
            return;
        }
        void this.activityGate.run(async () => {
            if (this.stopped || !o.open.has(id) || o.record.executionId !== executionId) return;
            const message = await this.activity(o.id, open);
            if (!this.stopped) this.enqueue(o.id, { message: { ...message, executionId, taskId: id, child: false, at: iso() } });
        });
    }

    private async activity(
        instanceId: string,
        { name, input }: { name: string; input: string },
    ): Promise<{ type: 'done'; result: string } | { type: 'failed'; reason: string; details: string }> {
        const fn = this.function('activityTrigger', name);
        if (!fn)
            return {
                type: 'failed',
                reason: `The activity function '${name}' doesn't exist, is disabled, or is not an activity function.`,
                details: '',
            };
        try {
            const returned = await this.app.invoke(fn, [{ name: fn.trigger.name, data: input === 'null' ? {} : { string: input } }], {
                instanceId: { string: instanceId },
            });
            return { type: 'done', result: resultOf(returned) };
        } catch (error) {
            const message = error instanceof Error ? error.message : String(error);
            const details = JSON.stringify({ $type: 'System.Exception', Message: message, StackTrace: (error as Error)?.stack ?? '' });
            return { type: 'failed', reason: `Activity function '${name}' failed:  ${message}`, details };
        }
    }

    private arm(o: Orchestration, id: number, fireAt: string): void {
        const { executionId } = o.record;
        const left = Date.parse(fireAt) - Date.now();
        const timer = setTimeout(
            () => {
                if (left > MAX_TIMEOUT) return this.arm(o, id, fireAt);
                o.timers.delete(id);
                this.enqueue(o.id, { message: { type: 'timer', executionId, taskId: id, at: iso() } });
            },
            Math.max(0, Math.min(left, MAX_TIMEOUT)),
        );
        o.timers.set(id, timer);
    }

    private disarm(o: Orchestration, id: number): void {
        clearTimeout(o.timers.get(id));
        o.timers.delete(id);
        o.open.delete(id);
    }

    function(trigger: string, name: string): RegisteredFunction | undefined {
        const fn = this.app.functions.get(name.toLowerCase());
        return fn?.trigger.binding.type.toLowerCase() === trigger.toLowerCase() ? fn : undefined;
    }
}

/** What an activity returned, as JSON text. */
function resultOf(returned: { string?: string; json?: unknown; [k: string]: unknown } | undefined): string {
    if (!returned) return 'null';
    if (typeof returned.json === 'string') return returned.json;
    if (returned.string !== undefined) return JSON.stringify(returned.string);
    for (const key of ['int', 'double', 'json']) if (returned[key] !== undefined) return JSON.stringify(returned[key]);
    return 'null';
}

const byKey = (a: Row, b: Row) => (a.rowKey < b.rowKey ? -1 : 1);
const tag = (id: string) => id.replaceAll(/[^A-Za-z0-9]/g, '').slice(-40);
const historyKey = (o: Orchestration, n: number) => `h-${String(o.record.generation).padStart(6, '0')}-${String(n).padStart(8, '0')}`;
const historyKeys = (o: Orchestration) => Array.from({ length: o.record.episodes }, (_, n) => historyKey(o, n));
const leavesCount = (o: Orchestration, _type: number) =>
    o.history.filter((e) => e.EventType === EventType.EventRaised && e.IsPlayed).length;
const scheduledTask = (id: number, call: Extract<Open, { kind: 'activity' }>): Recorded => ({
    event: event(EventType.TaskScheduled, { Name: call.name, Version: '', Input: null, ParentTraceContext: null, Tags: null }, iso(), id),
    open: call,
});
const firstTry = (options: unknown, again: Retry['again']): Retry => ({ attempt: 1, options: options as Retry['options'], again });

function begin(o: Orchestration, start: Extract<Message, { type: 'start' }>, defaultVersion: string | null): void {
    const { generation, sent, executionId, createdAt } = o.record ?? { generation: -1, sent: 0, executionId: '', createdAt: start.at };
    const fresh = !o.record || isEnded(o.record.status);
    o.record = {
        kind: 'orchestration',
        name: start.name,
        status: 'Running',
        version: start.version ?? defaultVersion,
        executionId,
        input: start.input,
        output: null,
        customStatus: null,
        createdAt: fresh ? start.at : createdAt,
        updatedAt: start.at,
        parent: start.parent,
        generation,
        episodes: 0,
        nextId: 0,
        leaves: 0,
        sent,
    };
    if (fresh) o.beginGeneration(randomUUID());
}

function restore(o: Orchestration, record: OrchestrationRecord, rows: Row[]): void {
    o.record = record;
    o.suspended = record.status === 'Suspended';
    o.history = [];
    o.open.clear();
    const prefix = `h-${String(record.generation).padStart(6, '0')}-`;
    for (const row of rows.filter((r) => r.rowKey.startsWith(prefix)).sort(byKey)) for (const r of row.value as Recorded[]) o.apply(r);
    markPlayed(o.history);
}

/** Timers that the orchestrator has cancelled and that are still armed. Their ids are found by counting, as when they were given. */
function cancelledTimers(o: Orchestration, leaves: Action[]): number[] {
    const fireTimes = new Set(leaves.filter((a) => a.actionType === ActionType.Timer && a.isCanceled).map((a) => a.fireAt));
    return [...o.open]
        .filter(([, open]) => open.kind === 'timer' && !open.retry && !open.last && fireTimes.has(open.fireAt))
        .map(([id]) => id);
}
