// How orchestrators speak to the ledger.
import { EntityId, type OrchestrationContext, type Task } from 'durable-functions';
import type { LedgerOperation, LedgerReply } from '../core/ledger';

/** Part of an orchestrator's story: yields tasks, and gives what they come to. */
export type Step<T> = Generator<Task, T, unknown>;

const TRIES = 30;

/**
 * One operation. The ledger answers with data and never throws, but the process that it runs in may die with the operation, and then the
 * call fails. Every operation may be told twice, so it is told again.
 */
export function* tellLedger(context: OrchestrationContext, jobId: string, operation: LedgerOperation): Step<LedgerReply> {
    for (let attempt = 1; ; attempt++) {
        try {
            return (yield context.df.callEntity(new EntityId('ledger', jobId), operation.op, operation)) as LedgerReply;
        } catch (error) {
            if (attempt === TRIES) throw error;
            yield context.df.createTimer(after(context, Math.min(30_000, 500 * 2 ** attempt)));
        }
    }
}

/** The time so many ms from now, as orchestrators count it. */
export const after = (context: OrchestrationContext, ms: number): Date => new Date(context.df.currentUtcDateTime.getTime() + ms);
