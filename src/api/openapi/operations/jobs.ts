// Starting, seeing, steering and listing jobs.
import { jobPage } from '../answers/jobPage';
import { statusDocument } from '../answers/status';
import { timeline, timelineEvent } from '../answers/timeline';
import { json, lines, readingCodes, ref, type Operation } from '../operation';

const status = (description: string) => ({ description, headers: ['Cache-Control'] as const, content: json(statusDocument) });

const move = (summary: string, description: string): Operation => ({
    tag: 'Jobs',
    summary,
    description: `${description} A request whose answer was lost can be sent again.`,
    parameters: ['jobId'],
    body: {
        description: 'Why, if that is to be kept; may be left out.',
        required: false,
        content: { 'application/json': ref('MoveBody') },
    },
    answers: {
        200: status('The job is on its way there already. Nothing is changed, and no reason is kept.'),
        202: status('The move is made: `state` is the new one, or `wanted` says it.'),
    },
    codes: [...readingCodes, 'BAD_JSON', 'BAD_BODY', 'FOREIGN_ORIGIN', 'JOB_NOT_FOUND', 'ILLEGAL_MOVE', 'TOO_LARGE', 'UNSUPPORTED_MEDIA'],
});

export const startJob: Operation = {
    tag: 'Jobs',
    summary: 'Start a job',
    description:
        'Stores a job, which then runs. 202 means that it is stored. Without an Idempotency-Key, a request whose answer was lost may have started one: look at the list before it is sent again.',
    parameters: ['idempotencyKey'],
    body: { description: 'The job spec.', required: true, content: { 'application/json': ref('JobSpec') } },
    answers: {
        202: {
            description: 'The job is stored, and so it runs.',
            headers: ['Location', 'Retry-After', 'Idempotency-Replayed', 'Cache-Control'],
            content: json(statusDocument),
        },
    },
    codes: [
        ...readingCodes,
        'BAD_JSON',
        'BAD_SPEC',
        'BAD_PARAMETER',
        'FOREIGN_ORIGIN',
        'IDEMPOTENCY_CONFLICT',
        'IDEMPOTENCY_IN_PROGRESS',
        'TOO_LARGE',
        'TOO_MANY_ITEMS',
        'TOO_MANY_JOBS',
        'UNSUPPORTED_MEDIA',
    ],
};

export const listJobs: Operation = {
    tag: 'Jobs',
    summary: 'List jobs',
    description:
        'Jobs, the newest first, a page at a time. One request looks at 1,000 jobs: a page may hold fewer than `limit` and still have a `next`.',
    parameters: ['state', 'name', 'tag', 'createdAfter', 'createdBefore', 'limit', 'continuation'],
    answers: { 200: { description: 'One page.', headers: ['Cache-Control'], content: json(jobPage) } },
    codes: [...readingCodes, 'BAD_PARAMETER'],
};

export const getJob: Operation = {
    tag: 'Jobs',
    summary: 'See a job',
    description: 'The status document of a job, at once or when its state has changed.',
    parameters: ['jobId', 'wait'],
    answers: { 200: status('The status document.') },
    codes: [...readingCodes, 'BAD_PARAMETER', 'JOB_NOT_FOUND'],
};

export const retuneJob: Operation = {
    tag: 'Jobs',
    summary: 'Change the limits of a job',
    description:
        'Changes limits of a job that has not ended, by a merge patch (RFC 7396). A patch that changes nothing leaves nothing in the timeline.',
    parameters: ['jobId'],
    body: {
        description: 'The patch, and beside it a reason.',
        required: true,
        content: { 'application/merge-patch+json': ref('LimitsPatch'), 'application/json': ref('LimitsPatch') },
    },
    answers: { 200: status('The status document, with `limits` as they are now.') },
    codes: [...readingCodes, 'BAD_JSON', 'BAD_SPEC', 'FOREIGN_ORIGIN', 'JOB_NOT_FOUND', 'ILLEGAL_MOVE', 'TOO_LARGE', 'UNSUPPORTED_MEDIA'],
};

export const pauseJob = move('Pause a job', 'Stops calls; what is in flight is waited for and recorded.');
export const resumeJob = move('Resume a job', 'Goes on with a paused job, and begins a new count of its budget.');
export const approveJob = move(
    'Approve a canary',
    'Has everything called that comes after the canary of a job that waits for a word on it.',
);
export const rejectJob = move('Reject a canary', 'Ends a job that waits for a word on its canary: everything behind it is skipped.');
export const cancelJob = move(
    'Cancel a job',
    'Ends the job. What is in flight is recorded; items without an outcome are recorded as cancelled.',
);

export const getTimeline: Operation = {
    tag: 'Jobs',
    summary: 'See what happened to a job',
    description: 'What happened to the job as a whole, in its order: as one document, or one event a line.',
    parameters: ['jobId', 'timelineFormat'],
    answers: {
        200: {
            description: 'The timeline. As NDJSON each line is one event.',
            headers: ['Cache-Control'],
            content: { ...json(timeline), ...lines(timelineEvent) },
        },
    },
    codes: [...readingCodes, 'BAD_PARAMETER', 'JOB_NOT_FOUND', 'NOT_ACCEPTABLE'],
};
