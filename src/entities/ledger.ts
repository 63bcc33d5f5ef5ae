// A thin shell over core/ledger: state in, operation in, state and reply out. The operation travels whole as the input; its name is only for people.
import type { EntityHandler } from 'durable-functions';
import { newLedger, reduceLedger, type LedgerOperation, type LedgerReply, type LedgerState } from '../core/ledger';

export const ledger: EntityHandler<LedgerState> = (context) => {
    const before = context.df.getState(() => newLedger(context.df.entityKey)) ?? newLedger(context.df.entityKey);
    const operation = context.df.getInput<LedgerOperation>();
    if (!operation?.op) return context.df.return({ kind: 'stop', why: 'not an operation of the ledger' } satisfies LedgerReply);
    const { state, reply } = reduceLedger(before, operation, Date.now());
    context.df.setState(state);
    context.df.return(reply);
};
