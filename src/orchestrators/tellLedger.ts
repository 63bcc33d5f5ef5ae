// How orchestrators ask for what may die with its process, and how they speak to the ledger.
import { EntityId, type OrchestrationContext, type Task } from 'durable-functions';
import { operationMessage, readReply } from '../contracts/ledger';
import { entities } from '../contracts/names';
import type { LedgerOperation, LedgerReplies, OperationOf } from '../core/ledger';

/** Part of an orchestrator's story: yields tasks, and gives what they come to. */
export type Step<T> = Generator<Task, T, unknown>;

const TRIES = 30;
/** Between two tries while a newer version is being deployed: until this instance is replaced, or the other one takes the operation. */
const DEPLOYMENT_MS = 15_000;

/**
 * One operation. The ledger answers with data and never throws, but the process that it runs in may die with the operation, and then the
 * call fails. Every operation may be told twice, so it is told again.
 */
export function* tellLedger<Op extends LedgerOperation['op']>(
    context: OrchestrationContext,
    jobId: string,
    operation: OperationOf<Op> & { op: Op },
): Step<LedgerReplies[Op]> {
    const message = operationMessage.write(operation);
    const ask = () => context.df.callEntity(new EntityId(entities.ledger, jobId), operation.op, message);
    for (;;) {
        const reply = readReply<Op>(operation.op, yield* insist(context, ask, TRIES, 30_000));
        if (reply.kind !== 'newer') return reply;
        yield context.df.createTimer(after(context, DEPLOYMENT_MS));
    }
}

/** Asks again when what was asked for died, after 1 s, doubling, at most `longestMs`; what the last of `tries` throws is thrown. */
export function* insist(context: OrchestrationContext, ask: () => Task, tries: number, longestMs: number): Step<unknown> {
    for (let attempt = 1; ; attempt++) {
        try {
            return yield ask();
        } catch (error) {
            if (attempt === tries) throw error;
            yield context.df.createTimer(after(context, Math.min(longestMs, 500 * 2 ** attempt)));
        }
    }
}

/** The time so many ms from now, as orchestrators count it. */
export const after = (context: OrchestrationContext, ms: number): Date => new Date(context.df.currentUtcDateTime.getTime() + ms);
