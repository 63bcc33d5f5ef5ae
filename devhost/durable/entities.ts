// Entities: a batch of operations in, state and answers out, one batch at a time; and critical sections over several of them.
import { randomUUID } from 'node:crypto';
import type { App } from '../core';
import type { EntityPort } from './ports';
import { Addressee } from './instance';
import { iso, type EntityRecord, type Inboxed, type Message, type Outgoing } from './messages';

const MAX_BATCH = 90;

export class EntityInstance extends Addressee {
    record: EntityRecord = { kind: 'entity', exists: false, state: null, updatedAt: iso(), sent: 0 };

    /** While it is locked, only its holder gets through. A lock, a release and operations are batches of their own. */
    next(): Inboxed[] {
        const { lockedBy } = this.record;
        const open = lockedBy
            ? this.inbox.filter(({ message: m }) => (m.type === 'release' || (m.type === 'operation' && !m.signal)) && m.from === lockedBy)
            : this.inbox;
        const until = open.findIndex((m) => m.message.type !== 'operation');
        return open.slice(0, until === 0 ? 1 : until < 0 ? MAX_BATCH : Math.min(until, MAX_BATCH));
    }

    /** Answers the calls of a batch with an error, and forgets it. */
    async refuse(engine: EntityPort, batch: Inboxed[], why: string): Promise<void> {
        const replies = batch.flatMap(({ message: m }) =>
            m.type === 'operation' && m.from ? [reply(m.from, m.requestId, JSON.stringify(why), true)] : [],
        );
        await commit(engine, this, {}, replies, batch);
    }
}

interface EntityAnswer {
    entityExists: boolean;
    entityState: string | null;
    results: { isError: boolean; result?: string }[];
    signals: { target: { name: string; key: string }; name: string; input?: string }[];
}

export async function runEntity(engine: EntityPort, app: App, entity: EntityInstance, batch: Inboxed[]): Promise<void> {
    const first = batch[0]?.message;
    if (first?.type === 'lock') return commit(engine, entity, { lockedBy: first.from }, [afterLock(first)], batch);
    // A release of a lock that was never granted, or twice, changes nothing.
    if (first?.type === 'release')
        return commit(engine, entity, entity.record.lockedBy === first.from ? { lockedBy: undefined } : {}, [], batch);

    const operations = batch.flatMap(({ message }) => (message.type === 'operation' ? [message] : []));
    const [, name = '', ...rest] = entity.id.split('@');
    const fn = engine.function('entityTrigger', name);
    if (!fn) return entity.refuse(engine, batch, `the entity function '${name}' does not exist`);
    const trigger = {
        self: { name: name.toLowerCase(), key: rest.join('@') },
        exists: entity.record.exists,
        state: entity.record.state,
        batch: operations.map((o) => ({ name: o.operation, input: o.input, isSignal: o.signal, id: o.requestId })),
    };
    const returned = await app.invoke(fn, [{ name: fn.trigger.name, data: { string: JSON.stringify(trigger) } }], {});
    const answer = JSON.parse((returned?.string ?? returned?.json ?? 'null') as string) as EntityAnswer;
    const replies = operations.flatMap((o, i) =>
        o.from ? [reply(o.from, o.requestId, answer.results[i]?.result, answer.results[i]?.isError ?? true)] : [],
    );
    // A signal keeps the capitals of its target's name: the real host sends it to another entity then.
    const signals = answer.signals.map((s): Outgoing => ({
        to: `@${s.target.name}@${s.target.key}`,
        message: signal(s.name, s.input ?? null),
    }));
    const state = { exists: answer.entityExists, state: answer.entityExists ? answer.entityState : null };
    return commit(engine, entity, state, [...replies, ...signals], batch);
}

/** How the real host names the types of its messages. */
export const dotnet = (name: string): string => {
    const namespace = 'Microsoft.Azure.WebJobs.Extensions.DurableTask';
    return `${namespace}.${name}, ${namespace}`;
};

export const signal = (operation: string, input: string | null): Message => ({
    type: 'operation',
    operation,
    input,
    signal: true,
    requestId: randomUUID(),
    from: null,
    at: iso(),
});

/** A lock goes from entity to entity in their order, so that two sections cannot wait for each other; the last one tells the orchestration. */
function afterLock(m: Extract<Message, { type: 'lock' }>): Outgoing {
    const place = m.place + 1;
    return place < m.set.length
        ? { to: m.set[place]!, message: { ...m, place } }
        : reply(m.from, m.requestId, 'Lock Acquisition Completed', false);
}

async function commit(
    engine: EntityPort,
    entity: EntityInstance,
    change: Partial<EntityRecord>,
    out: Outgoing[],
    batch: Inboxed[],
): Promise<void> {
    const record = { ...entity.record, ...change, updatedAt: iso(), sent: entity.record.sent + 1 };
    const outKey = `o-${String(entity.record.sent).padStart(8, '0')}`;
    const fault = out.some((m) => m.message.type === 'reply') ? engine.options.faults?.strike('reply', entity.id) : null;
    const outbox = engine.outbox(fault?.do === 'twice' ? [...out, ...out] : out);
    const put: { rowKey: string; value: unknown; active?: boolean }[] = [{ rowKey: 'i', value: record, active: false }];
    if (out.length > 0) put.push({ rowKey: outKey, value: outbox });
    await engine.store.commit(entity.id, { put, remove: batch.flatMap((b) => b.rowKey ?? []) });
    entity.record = record;
    if (out.length === 0) return;
    if (fault?.do === 'delay') setTimeout(() => engine.deliver(entity.id, outKey, outbox), fault.ms ?? 1000);
    else engine.deliver(entity.id, outKey, outbox);
}

function reply(to: string, requestId: string, result: string | undefined, isError: boolean): Outgoing {
    const input = JSON.stringify({
        $type: dotnet('ResponseMessage'),
        result: result ?? null,
        ...(isError ? { exceptionType: 'Error' } : {}),
    });
    return { to, message: { type: 'reply', requestId, input, at: iso() } };
}
