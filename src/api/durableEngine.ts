// The durable client as the port that use cases speak to.
import * as df from 'durable-functions';
import type { DurableClient } from 'durable-functions';
import type { JobEngine } from '../application/jobEngine';
import { ledgerDocument, operationMessage } from '../contracts/ledger';
import { entities, events, orchestrators } from '../contracts/names';
import { wakeMessage } from '../contracts/payloads';

/** The client tells these two by its message only; both patterns hold its beginning, since ids and what the host said follow. */
const NO_INSTANCE = /^DurableClient error: Durable Functions extension replied with HTTP 404 response\./;
const ALREADY_ACTIVE = /^The operation failed with an unexpected status code: 409\./;

const ledgerOf = (jobId: string) => new df.EntityId(entities.ledger, jobId);
const says = (error: unknown, pattern: RegExp): boolean => error instanceof Error && pattern.test(error.message);
const active = new Set(['Pending', 'Running', 'ContinuedAsNew', 'Suspended']);

export const engineOf = (client: DurableClient): JobEngine => ({
    stateOf: async (jobId) => {
        try {
            const { runtimeStatus } = await client.getStatus(jobId);
            return active.has(runtimeStatus) ? 'active' : 'ended';
        } catch (error) {
            if (says(error, NO_INSTANCE)) return 'none';
            throw error;
        }
    },
    start: async (jobId) => {
        try {
            await client.startNew(orchestrators.runJob, { instanceId: jobId, input: { jobId } });
        } catch (error) {
            if (!says(error, ALREADY_ACTIVE)) throw error;
        }
    },
    readLedger: async (jobId) => {
        const { entityExists, entityState } = await client.readEntityState(ledgerOf(jobId));
        return entityExists && entityState ? ledgerDocument.read(entityState) : null;
    },
    tellLedger: (jobId, seen) => client.signalEntity(ledgerOf(jobId), 'control', operationMessage.write({ op: 'control', ...seen })),
    wake: (jobId, { generation, desired }) =>
        client.raiseEvent(jobId, events.wake, wakeMessage.write({ generation, ...(desired === 'cancel' ? { cancel: true } : {}) })),
});
