// What is in force of a job's limits.
import { z } from 'zod';
import { count, duration, flag, text, time } from './parts';

const budget = z
    .strictObject({
        failures: count('The job stops when so many items have failed.').optional(),
        percent: z.number().meta({ description: 'The same by their share of the items that have their outcome, in percent.' }).optional(),
        minimum: count('Items that have their outcome before `percent` counts.'),
        codes: z.record(z.string(), z.int().min(0)).meta({ description: 'The same for items that fail with one code.' }).optional(),
        then: z.enum(['pause', 'cancel']).meta({ description: 'What becomes of the job.' }),
    })
    .meta({ id: 'BudgetInForce', description: 'How many items may fail before the job stops.' });

export const limitsInForce = z
    .strictObject({
        concurrency: z
            .strictObject({
                max: z.int().min(1).meta({ description: 'Calls in flight at most.' }),
                adaptive: flag('Fewer while the target does not bear so many.'),
            })
            .meta({ description: 'Calls at once.' }),
        retry: z
            .strictObject({
                attempts: z.int().min(1).meta({ description: 'Attempts at an item at most, the first included.' }),
                initialDelay: duration('Delay before the second attempt.'),
                maxDelay: duration('Longest delay.'),
                factor: z.number().meta({ description: 'Growth of the delay from attempt to attempt.' }),
            })
            .meta({ description: 'How often, and when, an item is tried again.' }),
        deadline: text('When the job is to end, as it was written: a time, or a duration from its start.').optional(),
        calling: z
            .strictObject({
                windows: z.array(z.string()).meta({ description: 'Windows of the week in which the job may call.' }),
                timeZone: text('Time zone of the windows.'),
            })
            .meta({ description: 'When calls may be made; absent: always.' })
            .optional(),
        rate: z.array(z.string()).meta({ description: 'How often the target may be called, each in its shortest form.' }).optional(),
        outage: z
            .strictObject({ giveUpAfter: duration('How long the target may be away before the job gives up.') })
            .meta({ description: 'What an outage of the target does.' }),
        budget: budget.optional(),
        deadlineAt: time('When the deadline is.').exactOptional(),
    })
    .meta({ id: 'LimitsInForce', description: 'What is in force now.' });
