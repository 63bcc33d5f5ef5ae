// The status document of a job.
import { z } from 'zod';
import { jobCodes, waitCodes } from '../../../core/codes';
import { endedByOf, type EndedBy } from '../../../core/control';
import { desires, endStates, states, userMoves } from '../../../core/states';
import { canaryView } from './canary';
import { links } from './links';
import { limitsInForce } from './limits';
import { code, count, counts, failureGroup, flag, latency, number, shownGroup, text, time } from './parts';

export const jobState = z.enum(states).meta({ id: 'JobState', description: 'State of a job; docs/states.md says what each is.' });

const endedBy = z.enum(Object.values(endedByOf) as [EndedBy]);

export const jobCounts = z
    .strictObject({
        ...counts.shape,
        total: count('Items of the job; null until its source has been read.').nullable(),
        pending: count('Items without an outcome; null until the source has been read.').nullable(),
        invalid: count('Rows of the source that are no items.'),
        unrecorded: count('Items of an ended job that have no outcome; absent where there are none.').exactOptional(),
    })
    .meta({ id: 'JobCounts', description: 'Items by outcome. While a job runs they lag by a few seconds at most.' });

const eta = z
    .strictObject({
        earliest: time('By the faster of two rates: that of the last seconds, and that since the job began to run.'),
        latest: time('By the slower of the two.'),
        reason: text('Why that is said.'),
    })
    .meta({ id: 'Eta', description: 'When the job is likely to end.' });

const waiting = z
    .strictObject({
        code: z.enum(waitCodes).meta({ description: 'What kind of wait it is; docs/codes.md says what to do.' }),
        for: text('What is waited for.'),
        until: time('Until when; null where nobody knows.').nullable(),
        since: time('Since when, where the wait is for news.').exactOptional(),
        limit: text('With `BUDGET`: JSON pointer to the limit that is reached, such as `/budget/failures`.').exactOptional(),
        groups: z
            .array(failureGroup)
            .meta({ description: 'With `BUDGET`: the most frequent kinds of what has failed since the last resume.' })
            .exactOptional(),
    })
    .meta({ id: 'Waiting', description: 'What the job waits for.' });

const calls = z
    .strictObject({
        count: count('Attempts that have ended.'),
        latencyMs: latency.nullable().meta({ description: 'How long they took; null before there is one.' }),
        statuses: z.record(z.string(), z.int().min(0)).meta({
            description:
                'How many came to which HTTP status; without one, to which code of an item, or `succeeded` (a processor). Beyond 40 of these the rest is `other`.',
        }),
    })
    .meta({ id: 'Calls', description: 'Attempts that have ended, as far as workers have told.' });

const jobLimiter = z
    .strictObject({
        name: text('The limiter that its calls are counted by; null where there is none.').nullable(),
        gate: z.enum(['open', 'closed']).meta({ description: 'Closed while the target asks everybody to wait.' }).exactOptional(),
        breaker: z.enum(['closed', 'open']).meta({ description: 'Open while nothing succeeds at the target.' }).exactOptional(),
        paced: number('Calls a second that may be made in all; null: any number.').nullable().exactOptional(),
        learned: number('Calls a second that refusals of the target have taught; null: nothing was learned.').nullable().exactOptional(),
        quotaLeft: count('Calls left in the counted window that has the fewest; null: none is counted.').nullable().exactOptional(),
    })
    .meta({ id: 'JobLimiter', description: 'What counts the calls of the job, and, while it runs, what that allows now.' });

export const statusDocument = z
    .strictObject({
        id: text('Names the job, in paths and logs.'),
        name: text('As the job was posted. It need not be unique.'),
        createdAt: time('When the job was posted.'),
        startAt: text('When it was to start, as the spec says it.').exactOptional(),
        state: jobState,
        allowed: z.array(z.enum(userMoves)).meta({ description: 'Moves that change something now.' }),
        wanted: z
            .enum(desires)
            .meta({ description: '`pause`, of a job that is still planned: it is paused when its plan stands.' })
            .exactOptional(),
        ending: z
            .enum(['cancelled', 'expired'])
            .meta({ description: 'What the job ends as, or has ended as, that is not run to its end.' })
            .exactOptional(),
        endedBy: endedBy.meta({ description: 'Beside `ending`, why.' }).exactOptional(),
        ended: flag(`True of ${endStates.join(', ')}.`),
        outcome: z
            .enum(['succeeded', 'partial'])
            .meta({ description: 'Of a completed job: `partial` when items have failed.' })
            .exactOptional(),
        startedAt: time('When its plan stood, and its items could be called.').exactOptional(),
        endedAt: time('When it ended.').exactOptional(),
        entered: z
            .partialRecord(z.enum(states), time('When the state was entered, the last time.'))
            .meta({ description: 'When each state was entered, in the order of these times.' }),
        counts: jobCounts,
        rate: number('Items settled a second: in the last seconds; of an ended job over its whole time.'),
        eta: eta.nullable().meta({ description: 'Null where it cannot be told, and while the job stands still.' }),
        workers: z
            .strictObject({
                active: count('Workers that hold a lease now.'),
                silent: count('Of these, those of which nothing has been heard for five seconds.'),
                inFlight: count('Calls that are out.'),
                crashes: count('Processes that have died at work for this job.'),
            })
            .meta({ description: 'Who works for the job.' }),
        calls,
        error: z
            .strictObject({
                code: code(Object.keys(jobCodes), 'What went wrong; docs/codes.md says what to do about it.'),
                message: text('The same for people.'),
                retryable: flag('Whether the same again may help.').exactOptional(),
                invalid: count('Rows of the source that are no items, as far as they were counted.').exactOptional(),
            })
            .meta({ id: 'JobFailure', description: 'Why the job has failed, or is not whole.' })
            .exactOptional(),
        waiting: waiting.exactOptional(),
        limiter: jobLimiter,
        canary: canaryView.exactOptional(),
        step: z
            .strictObject({
                step: z.enum(['plan', 'fold']).meta({ description: 'Reading the source, or counting the results.' }),
                done: count('Items, or partitions, so far.'),
                of: count('Of how many; null where nobody knows.').nullable(),
            })
            .meta({ description: 'How far planning or folding has come, once it has taken a second.' })
            .exactOptional(),
        failures: z
            .array(shownGroup)
            .meta({ description: 'Failed items by their kinds: the 20 most frequent, and one group of all others.' }),
        repairs: count('Times that the job was worked again because storage had lost something.'),
        limits: limitsInForce,
        tags: z.record(z.string(), z.string()).meta({ description: 'As the job was posted.' }),
        links,
    })
    .meta({ id: 'Job', description: 'The status document of a job. A field that says nothing is absent.' });
