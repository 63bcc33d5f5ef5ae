// One item with every attempt at it.
import { z } from 'zod';
import { outcomes } from '../../../core/counts';
import { outcome } from './outcome';
import { count, failure, key, time } from './parts';

const attempt = z
    .strictObject({
        attempt: z.int().min(1).meta({ description: 'Number of the attempt, from 1.' }),
        at: time('When it ended.'),
        ms: count('How long it took, in ms.'),
        status: z.int().meta({ description: 'HTTP status of the answer.' }).exactOptional(),
        error: failure.exactOptional(),
        throttled: count('Calls before it that used up no attempt, for the target asked for less or was away.').exactOptional(),
        waitedMs: count('How long the item waited for that, in ms.').exactOptional(),
        retryAt: time('When the item is tried again; absent of the attempt that decided.').exactOptional(),
    })
    .meta({ id: 'Attempt', description: 'One attempt at an item.' });

const held = z
    .strictObject({
        throttled: count('Calls in vain since its last attempt.'),
        waitedMs: count('How long it had waited before it was called last, in ms.'),
        since: time('Since when it waits.'),
        retryAt: time('It is called then at the earliest.'),
    })
    .meta({ id: 'HeldItem', description: 'An item that waits, for its target asks for less or is away.' });

export const itemView = z
    .strictObject({
        index: count('Position in the source, from 0.'),
        key: key.exactOptional(),
        item: z.unknown().meta({ description: 'The item as it stands in the source: any JSON, digit for digit.' }),
        state: z.enum([...outcomes, 'waiting', 'pending']).meta({
            description: '`pending`: not called yet, or no answer recorded. `waiting`: to be tried again. Otherwise the outcome.',
        }),
        outcome: outcome.exactOptional(),
        attempts: z.array(attempt).meta({ description: 'Every attempt that is recorded, in order.' }),
        held: held.exactOptional(),
    })
    .meta({ id: 'Item', description: 'One item, its outcome and every attempt at it.' });
