// One line of the results.
import { z } from 'zod';
import { outcomes } from '../../../core/counts';
import { count, failure, flag, key, text, time } from './parts';

export const outcome = z
    .strictObject({
        index: count('Position of the item in the source, from 0.'),
        outcome: z.enum(outcomes).meta({ description: 'How the item has ended.' }),
        key,
        attempts: count('Attempts that were made; 0 of an item that was never called.'),
        status: z.int().meta({ description: 'HTTP status of the last answer.' }).exactOptional(),
        ms: count('Length of the last attempt, in ms.'),
        at: time('When it ended.'),
        error: failure.exactOptional(),
        request: text('Of a failed item, its last call: `GET https://host/path`, at most 300 characters, without secrets.').exactOptional(),
        truncated: flag('The output was cut; `outputBytes` says how long the whole was.').exactOptional(),
        outputBytes: count('Bytes of the whole output, where it was cut.').exactOptional(),
        redacted: flag('The target echoed a secret; `[redacted]` stands in its place.').exactOptional(),
        throttled: count(
            'Calls since the attempt before that used up no attempt, for the target asked for less or was away.',
        ).exactOptional(),
        waitedMs: count('How long the item waited for that, in ms.').exactOptional(),
        output: z
            .unknown()
            .meta({
                description:
                    'What the target answered, or the processor gave: any JSON, digit for digit; a text where it was no JSON or was cut.',
            })
            .exactOptional(),
    })
    .meta({ id: 'Outcome', description: 'How one item has ended. `index` and `outcome` come first.' });
