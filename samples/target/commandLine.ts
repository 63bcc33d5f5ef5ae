// The flags of `node dist/samples/target.js`. What has fields is written as field=value,field=value, with the names that it has in code.
import { parseArgs } from 'node:util';
import type { z } from 'zod';
import { badStatus, checked, latency, limit, outage, readOptions, type TargetOptions } from './options';

export const usage = `Usage: node dist/samples/target.js [flags]

  --port N              default 7080; 0 takes any free port
  --latency MS          default 20; or one that rises with the load:
    --latency baseMs=20,jitterMs=5,knee=32,power=2     beyond 32 calls in flight, 20 ms × (n ÷ 32)²
    --latency kind=queue,threads=8,baseMs=50           8 calls at a time, 50 ms each
  --limit FIELDS        may be given several times; every limit must admit a call:
    --limit kind=bucket,perSecond=150,burst=30         a refusal says Retry-After; retryAfter=S: always S seconds, retryAfter=none: nothing
    --limit kind=window,calls=100,perMs=60000          retryAfter: a refusal says when the window ends; alignedTo=clock: not to the start
    either: headers=x-ratelimit | x-ratelimit-epoch | ratelimit, name=NAME, status=429
  --outage FIELDS       may be given several times; times since the start:
    --outage how=refuse,fromMs=5000,toMs=15000         how: refuse, hang, reset, 503, 500
  --bad-share 0..1      share of the items that fail at every attempt, by a hash of their keys
  --bad-status S        how: a status (default 500), hang or reset
  --rate429 0..1        share of the calls answered 429, by chance, with
  --retry-after S       this Retry-After (default 1)
  --rate500 0..1        share of the calls answered 500, by chance
  --seed N              of all chance; default 1
  --record              keep each call, for GET /stats/calls

GET /stats shows what has been called, GET /stats/seconds second by second. POST /control changes a target while it runs:
  {"away": {"how": "refuse", "forMs": 10000}}, {"away": null}, {"limits": [...]}, {"latency": ...}, with the fields from above.
Every other path answers {"distanceKm": …} for a body with lat and lon, else {"ok": true}.`;

export function readCommandLine(args: string[]): TargetOptions | 'help' {
    const text = { type: 'string' } as const;
    const many = { type: 'string', multiple: true } as const;
    const { values } = parseArgs({
        args,
        options: {
            port: text,
            latency: text,
            limit: many,
            outage: many,
            'bad-share': text,
            'bad-status': text,
            rate429: text,
            rate500: text,
            'retry-after': text,
            seed: text,
            record: { type: 'boolean' },
            help: { type: 'boolean', short: 'h' },
        },
    });
    if (values.help) return 'help';
    const number = (name: 'port' | 'bad-share' | 'rate429' | 'rate500' | 'retry-after' | 'seed', fallback: number): number => {
        const value = Number(values[name] ?? fallback);
        if (!Number.isFinite(value) || value < 0 || values[name] === '')
            throw new Error(`--${name}: "${values[name]}" is not a number from 0 up`);
        return value;
    };
    const options: TargetOptions = {
        port: number('port', 7080),
        latency: read('latency', latency, values.latency ?? '20'),
        limits: (values.limit ?? []).map((given) => read('limit', limit, given)),
        outages: (values.outage ?? []).map((given) => read('outage', outage, given)),
        badShare: number('bad-share', 0),
        badStatus: read('bad-status', badStatus, values['bad-status'] ?? '500'),
        rate429: number('rate429', 0),
        rate500: number('rate500', 0),
        retryAfterSeconds: number('retry-after', 1),
        seed: number('seed', 1),
        record: values.record ?? false,
    };
    readOptions(options); // what one flag alone cannot show: outages that overlap, two limits of one name
    return options;
}

function read<T extends z.ZodType>(flag: string, schema: T, given: string): z.output<T> {
    try {
        return checked(schema, given.includes('=') ? fieldsOf(given) : word(given));
    } catch (error) {
        throw new Error(`--${flag} "${given}": ${(error as Error).message}`, { cause: error });
    }
}

/** `a=1,b=x,c` is {a: 1, b: "x", c: true}. */
const fieldsOf = (given: string): Record<string, unknown> =>
    Object.fromEntries(
        given.split(',').map((field) => {
            const at = field.indexOf('=');
            return at < 0 ? [field, true] : [field.slice(0, at), word(field.slice(at + 1))];
        }),
    );

const word = (text: string): unknown =>
    text === 'true' || text === 'false' ? text === 'true' : text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
