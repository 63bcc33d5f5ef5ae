// What an orchestration is given, as far as this version understands it.
import type { OrchestrationContext } from 'durable-functions';
import { NewerVersion, type Contract } from '../contracts/contract';
import type { Trouble } from '../core/trouble';
import { after, type Step } from './tellLedger';

/** Until an instance of the newer version takes the orchestration. */
const DEPLOYMENT_MS = 15_000;

/** The input; or null, when a newer version has written it: then the orchestration waits and begins anew with the same, perhaps on another instance. */
export function* understood<T>(context: OrchestrationContext, message: Contract<T>): Step<T | null> {
    const given = context.df.getInput<unknown>();
    try {
        return message.read(given);
    } catch (error) {
        if (!(error instanceof NewerVersion)) throw error;
        yield context.df.createTimer(after(context, DEPLOYMENT_MS));
        context.df.continueAsNew(given);
        return null;
    }
}

/** The reply of an activity that ran on an instance of a newer version is trouble that passes, not the end of its process. */
export function readUnlessNewer<T>(message: Contract<T>, reply: unknown, troubled: (trouble: Trouble) => T): T {
    try {
        return message.read(reply);
    } catch (error) {
        if (!(error instanceof NewerVersion)) throw error;
        return troubled({ code: 'NEWER_VERSION', message: error.message });
    }
}
