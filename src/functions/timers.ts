// Registration of what runs by the clock.
import * as df from 'durable-functions';
import { sweep } from '../application/sweep';
import { engineOf } from '../api/durableEngine';
import { Log } from '../log';
import { readSettings } from '../settings';
import { JobStore } from '../storage/jobStore';

df.app.client.timer('sweep', {
    schedule: readSettings().sweepSchedule,
    handler: async (_timer, client, invocation) => {
        const { looked, cleared, failed } = await sweep(await JobStore.open(), engineOf(client), Date.now, new Log(invocation));
        if (looked > 0) invocation.debug(`The sweeper looked at ${looked} jobs; ${cleared} have ended, ${failed} could not be looked at.`);
    },
});
