// A thin shell over core/ledger: state in, operation in, state and reply out. The operation travels whole as the input; its name is only for people.
import type { EntityHandler } from 'durable-functions';
import { NewerVersion } from '../contracts/contract';
import { ledgerDocument, operationMessage, type NewerReply } from '../contracts/ledger';
import { newLedger, reduceLedger, type LedgerReply } from '../core/ledger';

export const ledger: EntityHandler<Record<string, unknown>> = (context) => {
    context.df.return(taken(context));
};

/** What is not for this version, or for none, changes nothing. An entity never throws: the engine would tell its caller, and keep the operation. */
function taken(context: Parameters<typeof ledger>[0]): LedgerReply | NewerReply {
    try {
        const stored = context.df.getState();
        const before = stored ? ledgerDocument.read(stored) : newLedger(context.df.entityKey);
        const { state, reply } = reduceLedger(before, operationMessage.read(context.df.getInput()), Date.now());
        context.df.setState(ledgerDocument.write(state));
        return reply;
    } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        return error instanceof NewerVersion ? { kind: 'newer', why } : { kind: 'stop', why };
    }
}
