// Entities: a batch of operations in, state and answers out, one batch at a time.
import type { App } from '../core';
import type { Engine } from './engine';
import { iso, type EntityRecord, type Inboxed, type OutboxRow } from './types';

export class EntityInstance {
    record: EntityRecord = { kind: 'entity', exists: false, state: null, updatedAt: iso(), sent: 0 };
    inbox: Inboxed[] = [];
    running = false;
    constructor(readonly id: string) {}
}

interface EntityAnswer {
    entityExists: boolean;
    entityState: string | null;
    results: { isError: boolean; result?: string }[];
    signals: { target: { name: string; key: string }; name: string; input?: string }[];
}

export async function runEntity(engine: Engine, app: App, entity: EntityInstance, batch: Inboxed[]): Promise<void> {
    const remove = batch.flatMap((b) => b.rowKey ?? []);
    const operations = batch.flatMap(({ message }) => (message.type === 'operation' ? [message] : []));
    const [, name = '', ...rest] = entity.id.split('@');
    const key = rest.join('@');
    const fn = engine.function('entityTrigger', name);
    const outbox: OutboxRow = { messages: [] };
    if (!fn) {
        for (const o of operations)
            if (o.from)
                outbox.messages.push(reply(o.from, o.requestId, JSON.stringify(`the entity function '${name}' does not exist`), true));
    } else if (operations.length > 0) {
        const trigger = {
            self: { name: name.toLowerCase(), key },
            exists: entity.record.exists,
            state: entity.record.state,
            batch: operations.map((o) => ({ name: o.operation, input: o.input, isSignal: o.signal, id: o.requestId })),
        };
        const returned = await app.invoke(fn, [{ name: fn.trigger.name, data: { string: JSON.stringify(trigger) } }], {});
        const answer = JSON.parse((returned?.string ?? returned?.json ?? 'null') as string) as EntityAnswer;
        for (const [i, o] of operations.entries())
            if (o.from) outbox.messages.push(reply(o.from, o.requestId, answer.results[i]?.result, answer.results[i]?.isError ?? true));
        // A signal keeps the capitals of its target's name: the real host sends it to another entity then.
        for (const s of answer.signals) {
            const message = {
                type: 'operation' as const,
                operation: s.name,
                input: s.input ?? null,
                signal: true,
                requestId: crypto.randomUUID(),
                from: null,
                at: iso(),
            };
            outbox.messages.push({ to: `@${s.target.name}@${s.target.key}`, message });
        }
        entity.record = { ...entity.record, exists: answer.entityExists, state: answer.entityExists ? answer.entityState : null };
    }
    const record = { ...entity.record, updatedAt: iso(), sent: entity.record.sent + 1 };
    const out = `o-${String(entity.record.sent).padStart(8, '0')}`;
    const put: { rowKey: string; value: unknown; active?: boolean }[] = [{ rowKey: 'i', value: record, active: false }];
    if (outbox.messages.length > 0) put.push({ rowKey: out, value: outbox });
    await engine.store.commit(entity.id, { put, remove });
    entity.record = record;
    if (outbox.messages.length > 0) void engine.deliver(entity.id, out, outbox);
}

function reply(to: string, requestId: string, result: string | undefined, isError: boolean): OutboxRow['messages'][number] {
    const input = JSON.stringify({
        ...(result === undefined ? {} : { result }),
        ...(isError ? { exceptionType: 'System.Exception' } : {}),
    });
    return { to, message: { type: 'reply', requestId, input, at: iso() } };
}
