// The table of a task hub, as the local host keeps it: the same for the engine's rows and for the host's lock.
import { RestError, TableClient } from '@azure/data-tables';
import type { PipelinePolicy } from '@azure/core-rest-pipeline';

/** For one try at a request, in ms. */
const TRY_LIMIT_MS = 10_000;

/** A limit on each try, for the client library has none. What it ends is an error that the library's retry policy tries again. */
const limitedTries = (limitMs: number): PipelinePolicy => ({
    name: 'limitedTries',
    async sendRequest(request, next) {
        request.timeout = limitMs;
        try {
            return await next(request);
        } catch (error) {
            if ((error as Error).name !== 'AbortError' || request.abortSignal?.aborted) throw error;
            throw new RestError('no answer in time', { code: 'ETIMEDOUT', request });
        }
    },
});

export const hubTable = (connection: string, hub: string, tryLimitMs = TRY_LIMIT_MS): TableClient =>
    TableClient.fromConnectionString(connection, `${hub}DevHost`, {
        allowInsecureConnection: true,
        additionalPolicies: [{ policy: limitedTries(tryLimitMs), position: 'perRetry' }],
    });
