// Registration of what runs by the clock.
import * as df from 'durable-functions';
import { sweep } from '../application/sweep';
import { engineOf } from '../api/durableEngine';
import { readSettings } from '../settings';
import { JobStore } from '../storage/jobStore';

df.app.client.timer('sweep', {
    schedule: readSettings().sweepSchedule,
    handler: async (_timer, client, invocation) => {
        const { looked, started, cleared, failed } = await sweep(await JobStore.open(), engineOf(client), Date.now, (message, error) =>
            invocation.error(message, error),
        );
        // A job that had to be started is one whose start failed, or whose orchestration was lost: worth a line in the log.
        if (started.length > 0) invocation.warn(`The sweeper has started ${started.length} jobs: ${started.slice(0, 20).join(', ')}.`);
        if (looked > 0) invocation.debug(`The sweeper looked at ${looked} jobs; ${cleared} have ended, ${failed} could not be looked at.`);
    },
});
