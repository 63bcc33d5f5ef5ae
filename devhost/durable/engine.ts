// The engine: who there is, what is in their inboxes, who takes the next batch of messages. An orchestration's episode and an entity's batch are in episode.ts and entities.ts.
import { randomUUID } from 'node:crypto';
import type { App, RegisteredFunction } from '../core';
import { Semaphore } from '../semaphore';
import { EntityInstance, runEntity } from './entities';
import { byKey, newRecord, Orchestration, restore, type Addressee } from './instance';
import type { EngineOptions, EntityPort, EpisodePort, WorkPort } from './ports';
import type { HubStore, Row } from './store';
import { EpisodeRunner } from './episode';
import type { EntityRecord, Inboxed, Message, OrchestrationRecord, Outgoing, OutboxRow, Start } from './messages';
import { isEnded, iso } from './messages';
import { Work } from './work';

const MAX_FAILURES = 5;
/** Messages of one outbox that are stored at a time. */
const DELIVERIES = 64;

export class Engine implements EpisodePort, EntityPort, WorkPort {
    readonly orchestrations = new Map<string, Orchestration>();
    readonly entities = new Map<string, EntityInstance>();
    readonly work: Work;
    private readonly loads = new Map<string, Promise<void>>();
    private readonly deliveries = new Map<string, Promise<void>>();
    private readonly starting = new Set<string>();
    private readonly episodes: EpisodeRunner;
    private readonly orchestrationSlots: Semaphore;
    private readonly entitySlots: Semaphore;
    private counter = 0;
    private recovered = false;
    stopped = false;

    constructor(
        private readonly app: App,
        readonly store: HubStore,
        readonly options: EngineOptions,
    ) {
        this.orchestrationSlots = new Semaphore(options.maxOrchestrations);
        this.entitySlots = new Semaphore(options.maxOrchestrations);
        this.work = new Work(this, app);
        this.episodes = new EpisodeRunner(this, app);
    }

    stop(): void {
        this.stopped = true;
    }

    function(trigger: string, name: string): RegisteredFunction | undefined {
        const fn = this.app.functions.get(name.toLowerCase());
        return fn?.trigger.binding.type.toLowerCase() === trigger.toLowerCase() ? fn : undefined;
    }

    warn(message: string): void {
        this.options.log('warning', 'Host.Durable', message);
    }

    /** Takes up what the last run left: undelivered messages, unfinished activities, timers. Nobody takes a batch before that is done. */
    async recover(): Promise<void> {
        const rows = await this.store.loadActive();
        const ids = new Set(rows.filter((r) => r.rowKey === 'i' || r.rowKey.startsWith('m-')).map((r) => r.id));
        await Promise.all([...ids].map((id) => this.load(id)));
        for (const row of rows.filter((r) => r.rowKey.startsWith('o-')).sort(byKey))
            await this.deliverOutbox(row.id, row.rowKey, row.value as OutboxRow);
        for (const o of this.orchestrations.values()) {
            if (!(o.record as OrchestrationRecord | undefined) || isEnded(o.record.status)) continue;
            for (const [id, open] of o.open) this.work.begin(o, id, open, true);
        }
        this.recovered = true;
        for (const it of [...this.orchestrations.values(), ...this.entities.values()]) this.wake(it);
    }

    // --- who there is ---------------------------------------------------------------------------------------------

    /** Once for each id: from then on memory holds what storage does, for this host alone works on the hub. */
    private load(id: string): Promise<void> {
        let loading = this.loads.get(id);
        if (!loading) {
            loading = this.store.loadInstance(id).then((rows) => this.takeUp(id, rows));
            this.loads.set(id, loading);
            loading.catch(() => this.loads.delete(id)); // whoever waits is told; the next one tries again
        }
        return loading;
    }

    private takeUp(id: string, rows: Row[]): void {
        const record = rows.find((r) => r.rowKey === 'i')?.value as OrchestrationRecord | EntityRecord | undefined;
        const it = this.addressee(id);
        if (it instanceof EntityInstance && record?.kind === 'entity') it.record = record;
        if (it instanceof Orchestration && record?.kind === 'orchestration') restore(it, record, rows);
        for (const r of rows.filter((row) => row.rowKey.startsWith('m-')).sort(byKey))
            it.push({ message: r.value as Message, rowKey: r.rowKey });
    }

    private addressee(id: string): Orchestration | EntityInstance {
        const all: Map<string, Addressee> = id.startsWith('@') ? this.entities : this.orchestrations;
        let it = all.get(id);
        if (!it) all.set(id, (it = id.startsWith('@') ? new EntityInstance(id) : new Orchestration(id)));
        return it as Orchestration | EntityInstance;
    }

    /** An orchestration that exists, from memory or from storage. */
    async find(id: string): Promise<Orchestration | null> {
        await this.load(id);
        const o = this.addressee(id) as Orchestration;
        return (o.record as OrchestrationRecord | undefined) || o.inbox.length > 0 ? o : null;
    }

    async findEntity(id: string): Promise<EntityInstance> {
        await this.load(id);
        return this.addressee(id) as EntityInstance;
    }

    async purge(o: Orchestration): Promise<void> {
        await this.store.purge(o.id);
        this.orchestrations.delete(o.id);
        this.loads.delete(o.id);
    }

    /** Back to what is committed, after a batch that broke off. */
    private async reload(o: Orchestration, batch: Inboxed[]): Promise<void> {
        const rows = await this.store.loadInstance(o.id);
        const stored = new Set(rows.map((r) => r.rowKey));
        // The batch was committed after all, and only the answer was lost: what it asked for is taken up as after a restart.
        if (batch.some((m) => m.rowKey !== undefined && !stored.has(m.rowKey)))
            this.options.restart(`storage lost its answer about ${o.id}`);
        const record = rows.find((r) => r.rowKey === 'i')?.value as OrchestrationRecord | undefined;
        if (record) restore(o, record, rows);
        else (o as { record: OrchestrationRecord | undefined }).record = undefined;
    }

    // --- messages -------------------------------------------------------------------------------------------------

    /** In the order of these keys messages are read. */
    newKey(): string {
        return `m-${String(Date.now()).padStart(14, '0')}-${String(this.counter++).padStart(8, '0')}-${randomUUID().slice(0, 8)}`;
    }

    outbox(messages: Outgoing[]): OutboxRow {
        return { messages: messages.map((m) => ({ ...m, rowKey: this.newKey() })) };
    }

    /** A message from outside, stored before this returns. */
    async send(to: string, message: Message): Promise<void> {
        await this.load(to);
        const rowKey = this.newKey();
        await this.store.deliver(to, rowKey, message);
        this.enqueue(to, { message, rowKey });
    }

    /** A start from outside: the instance is there, pending, before this returns. False when the id is taken. */
    async start(id: string, message: Start): Promise<boolean> {
        if (this.starting.has(id)) return false;
        this.starting.add(id);
        try {
            const existing = await this.find(id);
            const before = existing?.record;
            if (existing && !(before && isEnded(before.status))) return false;
            const record = newRecord(message, before, this.options.defaultVersion);
            const inboxed = { message: { ...message, executionId: record.executionId }, rowKey: this.newKey() };
            await this.store.commit(id, {
                put: [
                    { rowKey: 'i', value: record, active: true },
                    { rowKey: inboxed.rowKey, value: inboxed.message },
                ],
            });
            const o = this.addressee(id) as Orchestration;
            restore(o, record, []);
            this.enqueue(id, inboxed);
            return true;
        } finally {
            this.starting.delete(id);
        }
    }

    enqueue(to: string, inboxed: Inboxed): void {
        const it = this.addressee(to);
        it.push(inboxed);
        this.wake(it);
    }

    private async deliverOutbox(from: string, rowKey: string, { messages }: OutboxRow): Promise<void> {
        for (let at = 0; at < messages.length; at += DELIVERIES)
            await Promise.all(
                messages.slice(at, at + DELIVERIES).map(async (m) => {
                    await this.load(m.to);
                    await this.store.deliver(m.to, m.rowKey, m.message);
                }),
            );
        // Only what is no longer in the outbox is handed on: what is handed on can be consumed, and must not come again.
        await this.store.remove(from, rowKey);
        for (const m of messages) this.enqueue(m.to, { message: m.message, rowKey: m.rowKey });
    }

    /** Sends on what a batch has committed to its outbox, after what the same sender sent before, until storage takes it. */
    deliver(from: string, rowKey: string, row: OutboxRow): void {
        const attempt = async () => {
            for (let delay = 200; !this.stopped; delay = Math.min(5000, delay * 2)) {
                try {
                    return await this.deliverOutbox(from, rowKey, row);
                } catch (error) {
                    this.warn(`messages of ${from} are not delivered yet: ${String(error)}`);
                    await new Promise((resolve) => setTimeout(resolve, delay));
                }
            }
        };
        const done = (this.deliveries.get(from) ?? Promise.resolve()).then(attempt);
        this.deliveries.set(from, done);
        done.finally(() => this.deliveries.get(from) === done && this.deliveries.delete(from)).catch((error: unknown) =>
            this.warn(`messages of ${from}: ${String(error)}`),
        );
    }

    // --- batches --------------------------------------------------------------------------------------------------

    private wake(it: Orchestration | EntityInstance): void {
        if (it.running || this.stopped || !this.recovered || it.next().length === 0) return;
        it.running = true;
        const slots = it instanceof EntityInstance ? this.entitySlots : this.orchestrationSlots;
        slots
            .run(() => this.runBatch(it))
            .then((pause) => {
                const again = () => {
                    it.running = false;
                    this.wake(it);
                };
                if (pause > 0) setTimeout(again, pause);
                else again();
            })
            .catch((error: unknown) => this.warn(`a batch of ${it.id}: ${String(error)}`));
    }

    /** One batch of messages, all or nothing. Returns how long to wait before the next. */
    private async runBatch(it: Orchestration | EntityInstance): Promise<number> {
        const batch = it.next();
        const began = Date.now();
        try {
            if (it instanceof EntityInstance) await runEntity(this, this.app, it, batch);
            else await this.episodes.run(it, batch);
            it.drop(batch);
            it.failures = 0;
            // A long history is slow to replay: what arrives meanwhile is replayed once, not each for itself, if activities get time to end.
            return it instanceof Orchestration && it.history.length > 200 ? Math.min(500, Date.now() - began) : 0;
        } catch (error) {
            const text = (error as Error).stack ?? String(error);
            this.options.log('error', 'Host.Durable', `a batch of ${it.id} broke off in the host: ${text}`);
            return this.afterFailure(it, batch, error);
        }
    }

    private async afterFailure(it: Orchestration | EntityInstance, batch: Inboxed[], error: unknown): Promise<number> {
        it.failures++;
        try {
            if (it instanceof Orchestration) {
                await this.reload(it, batch);
                if (it.failures >= MAX_FAILURES && (it.record as OrchestrationRecord | undefined)) {
                    await this.episodes.finish(it, 'Failed', `The host could not run this orchestration: ${String(error)}`, [], batch);
                    it.drop(batch);
                    it.failures = 0;
                }
            } else if (it.failures >= MAX_FAILURES) {
                await it.refuse(this, batch, `the entity's batch failed in the host: ${String(error)}`);
                it.drop(batch);
                it.failures = 0;
            }
        } catch (again) {
            this.warn(`storage does not answer for ${it.id}: ${String(again)}`);
        }
        return Math.min(5000, 200 * 2 ** it.failures);
    }

    control(id: string, action: 'terminate' | 'suspend' | 'resume', reason: string): Promise<void> {
        return this.send(id, { type: 'control', action, reason, at: iso() });
    }
}
