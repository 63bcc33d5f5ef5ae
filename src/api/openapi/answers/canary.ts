// What whoever decides on a canary sees.
import { z } from 'zod';
import { verdicts } from '../../../core/states';
import { outcome } from './outcome';
import { count, counts, duration, latency, shownGroup, text, time } from './parts';

const estimate = z
    .strictObject({
        calls: count('Calls that are likely to be made.'),
        duration: z
            .strictObject({ earliest: duration('By the better reading of what bounds it.'), latest: duration('By a cautious reading.') })
            .meta({ description: 'Time until the last item has its outcome.' }),
        reason: text('What bounds it, in one sentence.'),
    })
    .meta({ id: 'Estimate', description: 'What everything behind the canary is likely to take.' });

export const canaryView = z
    .strictObject({
        items: count('Items of the canary.'),
        approval: z.enum(['manual', 'automatic']).meta({ description: 'Who decides: somebody, or the share of failures.' }),
        maxPercent: z.number().meta({ description: 'Percent of its items that may have failed where the approval is automatic.' }),
        timeout: duration('How long somebody may take to decide.'),
        counts,
        failures: z.array(shownGroup).meta({ description: 'Kinds of failure, the most frequent first.' }),
        latency: latency.nullable().meta({ description: 'How long its calls took; null before the first has ended.' }),
        statusCodes: z
            .record(z.string(), z.int().min(0))
            .meta({ description: 'Its calls by status; those without an answer by the code of their failure.' }),
        samples: z
            .array(outcome)
            .max(5)
            .meta({ description: 'Outcomes to look at, with what is long in them cut; none until it has settled.' }),
        estimate: estimate.nullable().meta({ description: 'Null until it has settled, once it is decided, and where nobody can say.' }),
        settledAt: time('When its last outcome was there.').exactOptional(),
        until: time('When the job is rejected unless somebody has approved it.').exactOptional(),
        decision: z
            .strictObject({
                is: z.enum(verdicts).meta({ description: 'The word on the canary.' }),
                by: text('Whose it is: a name, `api`, `canary` (the share of failures) or `timeout`.'),
                at: time('When it was said.'),
                reason: text('Why, if that was said.').exactOptional(),
            })
            .meta({ description: 'The word on the canary, once there is one.' })
            .exactOptional(),
    })
    .meta({
        id: 'Canary',
        description: 'What the first items of the job came to, which run alone. The settings are those of the job spec.',
    });
