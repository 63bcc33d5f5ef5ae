// Registration of what runs by the clock.
import * as df from 'durable-functions';
import { sweep } from '../application/sweep';
import { sweepUploads } from '../application/uploadAge';
import { engineOf } from '../api/durableEngine';
import { Log } from '../log';
import { readSettings } from '../settings';
import { JobStore } from '../storage/jobStore';

df.app.client.timer('sweep', {
    schedule: readSettings().sweepSchedule,
    handler: async (_timer, client, invocation) => {
        const log = new Log(invocation);
        const store = await JobStore.open();
        const { looked, cleared, failed } = await sweep(store, engineOf(client), Date.now, log);
        const deleted = await sweepUploads(store, Date.now, readSettings().caps.uploadAgeMs, log);
        if (deleted > 0) log.info('uploads that nobody has finished or used were deleted', { uploads: deleted });
        if (looked > 0) invocation.debug(`The sweeper looked at ${looked} jobs; ${cleared} have ended, ${failed} could not be looked at.`);
    },
});
