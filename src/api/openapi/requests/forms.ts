// How single texts are written, as patterns: each takes all that the server's own reader takes, and may take more.
import type { Schema } from './described';

/** Days, hours, minutes and seconds; weeks too. */
export const DURATION = '^P(?=\\d|T\\d)(\\d+W)?(\\d+D)?(T(?=\\d)(\\d+H)?(\\d+M)?(\\d+(\\.\\d{1,3})?S)?)?$';
/** With seconds and a time zone. */
export const INSTANT = '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?(Z|[+-]\\d{2}:\\d{2})$';
export const RATE = '^\\d{1,10}/(\\d{1,5})?(s|min|h|day)$';
export const LIMITER = '^(?!\\.{1,2}$)[A-Za-z0-9._:\\[\\]\\-]{1,200}$';
export const WINDOW = '^[A-Za-z,:0-9 \\-]{1,60}$';

export const duration = (description: string, from: string, to: string) => ({
    description: `${description} ISO 8601, ${from} to ${to}.`,
    pattern: DURATION,
});

const oneRate: Schema = {
    type: 'string',
    pattern: RATE,
    description:
        'Calls per time, such as `50/s`, `1000/min`, `600/h`, `10000/day` or `100/10s`: 1 to 1,000,000,000 calls in a second to 31 days.',
};

/** One rate or a list of them. `fewest`: elements of the list at least. */
export const rates = (fewest: number, most: number): Schema[] => [
    oneRate,
    {
        type: 'array',
        items: oneRate,
        minItems: fewest,
        maxItems: most,
        description: 'One rate for each length of window; all of them hold.',
    },
];
