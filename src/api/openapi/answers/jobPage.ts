// A page of the list of jobs.
import { z } from 'zod';
import { nextPage } from './parts';
import { statusDocument } from './status';

export const jobBrief = statusDocument
    .pick({ id: true, name: true, state: true, outcome: true, createdAt: true, endedAt: true, counts: true, tags: true, links: true })
    .meta({ id: 'JobBrief', description: 'A job as the list shows it.' });

export const jobPage = z
    .strictObject({
        jobs: z.array(jobBrief).max(100).meta({ description: 'The newest first. Fewer than `limit` do not mean the end of the list.' }),
        next: nextPage.exactOptional(),
    })
    .meta({ id: 'JobPage', description: 'One page of the list of jobs.' });
