// What happened to a job as a whole.
import { z } from 'zod';
import { waitCodes } from '../../../core/codes';
import { controlMoves } from '../../../core/states';
import { troubleCodes } from '../../../core/trouble';
import { code, count, itemCode, text, time } from './parts';
import { jobState } from './status';

const event = <Kind extends string, Fields extends z.ZodRawShape>(kind: Kind, description: string, fields: Fields) =>
    z
        .strictObject({ at: time('When it happened.'), kind: z.literal(kind), ...fields })
        .meta({ id: `${kind[0]!.toUpperCase()}${kind.slice(1)}Event`, description });

const who = { by: text('Who wanted it.'), reason: text('Why, if that was said.').exactOptional() };
const held = code(waitCodes, 'As of a wait.');
const trouble = code(troubleCodes, 'What kind of trouble it is.');

export const timelineEvent = z
    .discriminatedUnion('kind', [
        event('state', 'The job entered a state.', {
            state: jobState,
            by: text('Of the first: who posted the job.').exactOptional(),
        }),
        event('move', 'A move was accepted; `expire`: the deadline had come.', {
            move: z.enum(controlMoves).meta({ description: 'The move.' }),
            ...who,
        }),
        event('retune', 'Limits were changed.', {
            changes: z
                .array(
                    z.strictObject({
                        field: text('JSON pointer into the job spec.'),
                        from: z.unknown().meta({ description: 'Before; null: it was not there.' }),
                        to: z.unknown().meta({ description: 'After; null: it is not there.' }),
                    }),
                )
                .meta({ description: 'What was changed.' }),
            ...who,
        }),
        event('crash', 'A process died at work.', {
            worker: text('Whose work it was; null: the job was being planned or folded.').nullable(),
            partitions: count('Partitions that it had in hand.'),
        }),
        event('repair', 'Storage had lost outcomes, and partitions are worked again.', {
            repair: count('For the first, second, … time.'),
            partitions: count('How many are worked again.'),
        }),
        event(
            'trouble',
            'Storage refuses something or does not answer, a newer version is at work, or a step met what it did not foresee.',
            {
                code: trouble,
                message: text('What was asked and what was answered, at most 200 characters.'),
            },
        ),
        event('recovered', 'That trouble is over.', { code: trouble }),
        event('held', 'Nothing may be called for a while.', { code: held, why: text('What keeps calls off.') }),
        event('released', 'Calls are made again.', { code: held }),
        event('budget', 'A limit of the budget was reached.', {
            limit: text('JSON pointer to the limit, such as `/budget/failures`.'),
            why: text('What was counted, and what the limit is.'),
            groups: z
                .array(
                    z.strictObject({
                        code: itemCode('Code of their error.'),
                        message: text('What their messages have in common.'),
                        count: count('How many.'),
                    }),
                )
                .meta({ description: 'The most frequent kinds of what has failed since the last resume.' }),
        }),
        event('omitted', 'Stands for events that are not kept one by one.', {
            to: time('When the last of them happened; `at` is the first.'),
            counts: z.record(z.string(), z.int().min(0)).meta({ description: 'How many of which kind.' }),
        }),
    ])
    .meta({ id: 'TimelineEvent', description: 'Something that happened to the job as a whole.' });

export const timeline = z
    .strictObject({
        jobId: text('The job.'),
        events: z.array(timelineEvent).meta({ description: 'In the order in which it happened.' }),
    })
    .meta({ id: 'Timeline', description: 'What happened to the job as a whole.' });
