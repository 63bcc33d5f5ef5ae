// An episode of an orchestration: messages become history, the orchestrator decides, all of it is committed, then work begins.
import { randomUUID } from 'node:crypto';
import type { App } from '../core';
import { ActionType, leavesOf, quoted, unsupported, type Action, type Answer } from './actions';
import { callOrchestrator } from './callOrchestrator';
import type { EpisodePort } from './ports';
import { event, eventOf, historyKey, markBegun, markPlayed, newRecord, type Orchestration } from './instance';
import { cancelledTimers, retries, schedule } from './schedule';
import type { Inboxed, Message, OrchestrationRecord, Outgoing, Parent, Recorded, Status } from './messages';
import { EventType, isEnded, iso } from './messages';

const rowsOf = (batch: Inboxed[]): string[] => batch.flatMap((b) => b.rowKey ?? []);

export class EpisodeRunner {
    constructor(
        private readonly engine: EpisodePort,
        private readonly app: App,
    ) {}

    async run(o: Orchestration, batch: Inboxed[]): Promise<void> {
        if (batch[0]?.message.type === 'control') return this.control(o, batch[0].message, batch);
        const out: Outgoing[] = [];
        const happened = this.takeIn(o, batch, out);
        // Nothing but messages that are late, doubled or of an ended instance.
        if (happened.length === 0) return this.forget(o, batch, out);

        const { engine } = this;
        const fresh: Recorded[] = [{ event: event(EventType.OrchestratorStarted, {}) }];
        o.history.push(fresh[0]!.event);
        const retried: Recorded[] = [];
        for (const { message } of batch) {
            const e = happened.includes(message) ? eventOf(o, message) : null;
            if (!e) continue;
            const open = o.open.get((e.TaskScheduledId ?? e.TimerId) as number);
            fresh.push({ event: e });
            o.apply({ event: e });
            if (open) retried.push(...retries(o, e, open, out, engine.options.defaultVersion));
            // A generation that follows another has the end of an episode at its begin, as on the real host.
            if (message.type === 'start' && message.again) fresh.push(ended(o));
        }
        if (fresh.length === 1) {
            o.history.pop();
            return this.forget(o, batch, out);
        }
        // Tries begin after the orchestrator's episode, but their tasks are pending in it.
        for (const { event: e, open } of retried) o.open.set(e.EventId, open!);
        const answer = await callOrchestrator(engine, this.app, o);
        if (answer.customStatus !== undefined) o.record.customStatus = answer.customStatus;
        const leaves = leavesOf((answer.actions ?? []).flat());
        const refused = leaves.map(unsupported).find((u) => u !== null);
        const fatal = refused
            ? `The local host does not support ${refused}. Use Azure Functions Core Tools for this orchestration.`
            : answer.fatal;
        if (fatal) return this.finish(o, 'Failed', failure(o, fatal), [...fresh, ...retried], batch, out);

        const scheduled = schedule(o, leaves, out, engine.options.defaultVersion);
        for (const r of [...retried, ...scheduled]) o.apply(r);
        const recorded = [...fresh, ...retried, ...scheduled, ended(o)];
        const waits = o.open.size > cancelledTimers(o, leaves).length;

        const again = leaves.find((a) => a.actionType === ActionType.ContinueAsNew);
        const done = answer.isDone || answer.error !== undefined;
        if (done && again && answer.error === undefined) return this.continueAsNew(o, again, leaves, out, batch);
        if (done && !waits) {
            if (answer.error !== undefined) return this.finish(o, 'Failed', failure(o, answer.error), recorded, batch, out);
            return this.finish(o, 'Completed', answer.output ?? null, recorded, batch, out);
        }
        if (!waits) this.warnIfStuck(o, answer, leaves);
        o.record.status = 'Running';
        await this.commit(o, recorded, out, batch);
        markPlayed(o.history);
        markBegun(fresh.map((r) => r.event));
        for (const r of [...retried, ...scheduled])
            if (r.open && o.open.has(r.event.EventId)) engine.work.begin(o, r.event.EventId, r.open);
    }

    /** The messages of a batch that mean something to this instance; a start may make it a new one. */
    private takeIn(o: Orchestration, batch: Inboxed[], out: Outgoing[]): Message[] {
        const happened: Message[] = [];
        for (const { message } of batch) {
            const record = o.record as OrchestrationRecord | undefined;
            if (message.type !== 'start') {
                if (record && !isEnded(record.status)) happened.push(message);
                continue;
            }
            if (message.executionId) {
                // Its record was written with it. Terminated before it began, it is not the record's any more.
                if (record?.executionId === message.executionId && !isEnded(record.status) && o.history.length === 0)
                    happened.push(message);
            } else if (!record || isEnded(record.status)) {
                o.record = newRecord(message, record, this.engine.options.defaultVersion);
                o.history = [];
                o.open.clear();
                happened.push(message);
            } else if (message.parent) out.push(refusal(o, message.parent));
        }
        return happened;
    }

    private async forget(o: Orchestration, batch: Inboxed[], out: Outgoing[]): Promise<void> {
        if (out.length > 0) return this.commit(o, [], out, batch);
        const remove = rowsOf(batch);
        if (remove.length > 0) await this.engine.store.commit(o.id, { remove });
    }

    /** Terminate, suspend and resume come before everything else in the inbox. */
    private async control(o: Orchestration, message: Message, batch: Inboxed[]): Promise<void> {
        if (message.type !== 'control' || isEnded(o.record.status)) return this.forget(o, batch, []);
        const recorded = await this.replay(o, message.action, message.reason);
        if (message.action === 'terminate') return this.finish(o, 'Terminated', message.reason, recorded, batch);
        if (message.action === 'suspend') o.record.status = 'Suspended';
        else if (o.suspended) o.record.status = 'Running';
        await this.commit(o, recorded, [], batch);
        markPlayed(o.history);
    }

    /** To be told to pause, go on or end is an episode too. Nothing new has come for the orchestrator: what it answers is known. */
    private async replay(o: Orchestration, action: 'terminate' | 'suspend' | 'resume', reason: string): Promise<Recorded[]> {
        if (o.history.length === 0) return [];
        const e =
            action === 'terminate'
                ? event(EventType.ExecutionTerminated, { Input: reason })
                : event(action === 'suspend' ? EventType.ExecutionSuspended : EventType.ExecutionResumed, { Reason: reason });
        const recorded = [{ event: event(EventType.OrchestratorStarted, {}) }, { event: e }];
        for (const r of recorded) o.apply(r);
        await callOrchestrator(this.engine, this.app, o);
        return [...recorded, ended(o)];
    }

    private warnIfStuck(o: Orchestration, answer: Answer, leaves: Action[]): void {
        if (answer.isDone || leaves.some((l) => l.actionType === ActionType.ExternalEvent)) return;
        this.engine.warn(
            `${o.record.name} ${o.id} waits for nothing: it yielded a task over tasks that had all completed, and will never go on. The real host does the same.`,
        );
    }

    private async continueAsNew(o: Orchestration, action: Action, leaves: Action[], out: Outgoing[], batch: Inboxed[]): Promise<void> {
        const isReply = (name: unknown) => /^[0-9a-f]{8}-[0-9a-f]{4}-/.test(String(name));
        const raised = o.history.filter((e) => e.EventType === EventType.EventRaised && !isReply(e.Name)).length;
        const waited = leaves.filter((l) => l.actionType === ActionType.ExternalEvent).length;
        if (raised > waited)
            this.engine.warn(
                `${o.record.name} ${o.id} continued as new: ${raised - waited} external event(s) of the generation that ends are dropped, as on the real host.`,
            );
        const keys = Array.from({ length: o.record.episodes }, (_, n) => historyKey(o.record, n));
        out.push(...releases(o));
        o.beginGeneration(randomUUID().replaceAll('-', ''));
        const { name, version, parent, executionId } = o.record;
        o.record.input = quoted(action.input);
        o.record.status = 'Running';
        const start: Message = { type: 'start', name, input: o.record.input, version, parent, executionId, again: true, at: iso() };
        const rowKey = this.engine.newKey();
        await this.commit(o, [], out, batch, [{ rowKey, value: start }]);
        // The start goes before what has come in meanwhile.
        o.unshift({ message: start, rowKey });
        // What is left of the old generation is never read again: to clean up may fail.
        await this.engine.store
            .commit(o.id, { remove: keys })
            .catch((error: unknown) => this.engine.warn(`old history of ${o.id} stays: ${String(error)}`));
    }

    async finish(
        o: Orchestration,
        status: Status,
        output: unknown,
        recorded: Recorded[],
        batch: Inboxed[],
        out: Outgoing[] = [],
    ): Promise<void> {
        o.record.status = status;
        o.record.output = output;
        const { parent } = o.record;
        if (parent) {
            const ids = { executionId: parent.executionId, taskId: parent.taskId, child: true, at: iso() };
            const why = String(output);
            const details = `Message: ${why.replace(failure(o, ''), '')}, StackTrace:    at the local host`;
            const message: Message =
                status === 'Completed'
                    ? { type: 'done', ...ids, result: JSON.stringify(output ?? null) }
                    : { type: 'failed', ...ids, reason: why, details };
            out.push({ to: parent.instanceId, message });
        }
        out.push(...releases(o));
        for (const id of [...o.timers.keys()]) this.engine.work.disarm(o, id);
        o.open.clear();
        await this.commit(o, recorded, out, batch);
        // It is read from storage when somebody asks.
        o.history = [];
    }

    private async commit(
        o: Orchestration,
        recorded: Recorded[],
        out: Outgoing[],
        batch: Inboxed[],
        extra: { rowKey: string; value: unknown }[] = [],
    ): Promise<void> {
        o.record.updatedAt = iso();
        const put: { rowKey: string; value: unknown; active?: boolean }[] = [...extra];
        if (recorded.length > 0) put.push({ rowKey: historyKey(o.record, o.record.episodes++), value: recorded });
        const outKey = `o-${String(o.record.sent).padStart(8, '0')}`;
        const outbox = this.engine.outbox(out);
        if (out.length > 0) {
            o.record.sent++;
            put.push({ rowKey: outKey, value: outbox });
        }
        put.push({ rowKey: 'i', value: o.record, active: !isEnded(o.record.status) });
        await this.engine.store.commit(o.id, { put, remove: rowsOf(batch) });
        if (out.length > 0) this.engine.deliver(o.id, outKey, outbox);
    }
}

/** The end of an episode, put into history. */
function ended(o: Orchestration): Recorded {
    const end = { event: event(EventType.OrchestratorCompleted, {}) };
    o.apply(end);
    return end;
}

const failure = (o: Orchestration, error: string): string => `Orchestrator function '${o.record.name}' failed: ${error}`;

/** Locks do not outlive the execution that took them. */
const releases = (o: Orchestration): Outgoing[] =>
    (o.record.locks ?? []).map((to) => ({ to, message: { type: 'release', from: o.id, at: iso() } }));

/** The id that a parent gave its child belongs to an instance that is active. */
function refusal(o: Orchestration, { instanceId, executionId, taskId }: Parent): Outgoing {
    const reason = `An orchestration with the id ${o.id} is already running.`;
    return { to: instanceId, message: { type: 'failed', executionId, taskId, child: true, reason, details: reason, at: iso() } };
}
