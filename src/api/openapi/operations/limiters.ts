// What targets may be asked.
import { limiterPage, limiterView } from '../answers/limiter';
import { json, readingCodes, ref, type Operation } from '../operation';

export const listLimiters: Operation = {
    tag: 'Limiters',
    summary: 'List limiters',
    description: 'Every limiter that has limited something, or was set, a page at a time.',
    parameters: ['limit', 'continuation'],
    answers: { 200: { description: 'One page.', headers: ['Cache-Control'], content: json(limiterPage) } },
    codes: [...readingCodes, 'BAD_PARAMETER'],
};

export const getLimiter: Operation = {
    tag: 'Limiters',
    summary: 'See a limiter',
    description: 'What a target may be asked at this moment, why, and who asks.',
    parameters: ['limiterName'],
    answers: { 200: { description: 'The limiter.', headers: ['Cache-Control'], content: json(limiterView) } },
    codes: [...readingCodes, 'BAD_PARAMETER', 'LIMITER_NOT_FOUND'],
};

export const setLimiter: Operation = {
    tag: 'Limiters',
    summary: 'Set a limiter',
    description:
        'Replaces what was set. What was learned of the target is forgotten, and the gate opens. Processes go by it within six seconds.',
    parameters: ['limiterName'],
    body: { description: 'What the target may be asked.', required: true, content: { 'application/json': ref('LimiterSettings') } },
    answers: { 200: { description: 'The limiter as it is now.', headers: ['Cache-Control'], content: json(limiterView) } },
    codes: [...readingCodes, 'BAD_JSON', 'BAD_BODY', 'BAD_PARAMETER', 'FOREIGN_ORIGIN', 'TOO_LARGE', 'UNSUPPORTED_MEDIA'],
};
