// Where to go on from a job.
import { z } from 'zod';
import { text } from './parts';

export const links = z
    .strictObject({
        self: text('The status document.'),
        results: text('Outcomes.'),
        manifest: text('Files of the outcomes.'),
        verify: text('POST: reads all outcomes again.'),
        timeline: text('What happened to the job as a whole.'),
        pause: text('POST: stops calls.'),
        resume: text('POST: goes on.'),
        approve: text('POST: calls what is behind the canary.'),
        reject: text('POST: skips what is behind the canary.'),
        cancel: text('POST: ends the job.'),
        invalid: text('Rows of the source that are no items.'),
        item: text('One item: `{index}` stands for its position.'),
    })
    .meta({ id: 'JobLinks', description: 'Paths on the same host.' });
