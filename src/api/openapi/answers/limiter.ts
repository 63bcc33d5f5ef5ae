// What a target may be asked at this moment, why, and who asks.
import { z } from 'zod';
import { count, nextPage, number, text, time } from './parts';

const window = z
    .strictObject({
        rate: text('The rate, such as `10000/day`.'),
        used: count('Calls made in the last stretch of that length.'),
        held: count('Calls given to processes, which have not said yet that they have made them.'),
        left: count('Calls that may still be given.'),
        freeAt: time('When the next call is free, of a window that has none left; null also where that hangs on what is held.').nullable(),
    })
    .meta({ id: 'LimiterWindow', description: 'A configured window of which calls are counted.' });

const holder = z
    .strictObject({
        process: text('Names the process.'),
        until: time('Its share is free then, unless it is renewed before.'),
        rate: number('Calls a second that it may make; null: as many as it can.').nullable(),
        inFlight: count('Calls at once that it may make; null: as many as it can.').nullable(),
        quota: z.number().meta({ description: 'Calls that it may still make out of the windows; null: none is counted.' }).nullable(),
        rates: z.array(z.string()).meta({ description: 'What the specs of its jobs ask for.' }),
        jobs: z
            .array(
                z.strictObject({
                    id: text('The job; `others` of all but the four greatest.'),
                    want: number('Calls a second that it can use; null: more than it gets.').nullable(),
                    inFlight: count('Calls that are out.'),
                }),
            )
            .meta({ description: 'Its jobs.' }),
    })
    .meta({ id: 'LimiterHolder', description: 'A process at work, with its share.' });

const event = <Kind extends string, Fields extends z.ZodRawShape>(kind: Kind, description: string, fields: Fields) =>
    z
        .strictObject({ at: time('When it happened.'), kind: z.literal(kind), ...fields })
        .meta({ id: `Limiter${kind[0]!.toUpperCase()}${kind.slice(1)}`, description });

const limiterEvent = z
    .discriminatedUnion('kind', [
        event('gateClosed', 'The target asked for a pause.', { ms: count('How long, in ms.') }),
        event('scouted', 'A single call came through before the pause was over.', { leftMs: count('How long before, in ms.') }),
        event('refused', 'The target refused calls without saying for how long.', { rate: number('The learned rate fell to this.') }),
        event('breakerOpened', 'Nothing succeeded any more.', { why: text('What was last heard of the target.') }),
        event('breakerClosed', 'The target was back.', { ms: count('How long after nothing had succeeded any more, in ms.') }),
        event('set', 'Somebody has set the limiter.', { by: text('Who: a name where callers sign in, else `api`.') }),
    ])
    .meta({ id: 'LimiterEvent', description: 'Something that happened to the limiter.' });

export const limiterView = z
    .strictObject({
        name: text('Names the limiter: as jobs give it, or the host that they call.'),
        rate: z
            .strictObject({
                configured: z.array(z.string()).meta({ description: 'The rates in force, the shortest window first.' }),
                by: z.enum(['set', 'jobs']).meta({ description: 'Whose they are; null: nobody has any.' }).nullable(),
                learned: number('What refusals of the target have taught; null: nothing, or nothing lately.').nullable(),
                hinted: number('What follows from what the target says is left; null: it says nothing.').nullable(),
                paced: number('What may be called in all; null: as much as anybody can.').nullable(),
            })
            .meta({ description: 'Calls a second, with two decimals.' }),
        inFlight: z
            .strictObject({
                limit: count('As set; null: not limited.').nullable(),
                now: count('Calls that are out, as far as processes have told.'),
                learned: number('What the target bears well, as far as jobs have learned; null: nothing was learned.').nullable(),
            })
            .meta({ description: 'Calls at once.' }),
        windows: z.array(window).meta({ description: 'Windows of which calls are counted.' }),
        gate: z
            .strictObject({
                state: z.enum(['open', 'closed']).meta({ description: 'Closed while the target asks everybody to wait.' }),
                until: time('When it opens.').nullable(),
                since: time('Since when it is closed.').nullable(),
                scoutsLeft: count('Single calls that may still go ahead to see whether the target meant that.'),
                scoutAt: time('When the next of them may go.').nullable(),
            })
            .meta({ description: 'Keeps calls off while the target asks for a pause.' }),
        overstates: time('Until then its `Retry-After` is taken for more than it needs; null: it is believed.').nullable(),
        breaker: z
            .strictObject({
                state: z.enum(['closed', 'open']).meta({ description: 'Open while nothing succeeds.' }),
                since: time('Since when it is open.').nullable(),
                failingSince: time('Since when nothing succeeds.').nullable(),
                why: text('What was last heard of the target.').nullable(),
                probeAt: time('When the next single call may go to see, or until when one is waited for.').nullable(),
                failed: count('How many of these have failed.'),
            })
            .meta({ description: 'Keeps calls off while the target is away.' }),
        succeededAt: time('When a call succeeded last, as far as processes have told.').nullable(),
        holders: z.array(holder).meta({ description: 'The processes at work, each with its share.' }),
        log: z.array(limiterEvent).max(20).meta({ description: 'The last events, the newest first.' }),
        setBy: text('Who has set what is set now; null: nobody.').nullable(),
        setAt: time('When.').nullable(),
    })
    .meta({ id: 'Limiter', description: 'What a target may be asked at this moment, by the clock of storage, and who asks.' });

export const limiterPage = z
    .strictObject({
        limiters: z.array(limiterView).max(100).meta({ description: 'In no order that says anything.' }),
        next: nextPage.exactOptional(),
    })
    .meta({ id: 'LimiterPage', description: 'One page of the list of limiters.' });
