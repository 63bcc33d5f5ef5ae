// The limiter in a simulated world, for two minutes each: `npm run bench:limits` is the whole of it.
import { ALL, configured, counted, type Check } from '../../../bench/simulation/promises';
import { bucket, run, windows } from '../../../bench/simulation/refusals';

const TWO_MINUTES = 120_000;
const STEPS = [
    [0, 50],
    [40_000, 20],
    [80_000, 80],
] as const;
const SEED = 3;

describe('targets that refuse', () => {
    test.each([
        ['a token bucket that asks for 5 s', bucket(5_000, TWO_MINUTES, STEPS), 0.6, 0.06],
        ['a token bucket without a header', bucket(undefined, TWO_MINUTES, STEPS), 0.65, 0.06],
        ['600 a minute with Retry-After', windows(600, 60_000, { saysRetryAfter: true, saysLeft: false }, 2 * TWO_MINUTES), 0.9, 0.05],
        ['100 in 10 s with Retry-After', windows(100, 10_000, { saysRetryAfter: true, saysLeft: false }, TWO_MINUTES), 0.9, 0.08],
        ['100 in 10 s with what is left', windows(100, 10_000, { saysRetryAfter: false, saysLeft: true }, TWO_MINUTES), 0.9, 0.06],
    ])('%s', async (name, target, used, refused) => {
        const outcome = await run({ name, target, processes: 4 }, SEED);
        expect(outcome.used).toBeGreaterThan(used);
        expect(outcome.refused).toBeLessThan(refused);
    });
});

const outOfBounds = (checks: Check[]): Check[] =>
    checks.filter(({ measured, bound, isLeast }) => !(isLeast ? measured >= bound : measured <= bound));
const names = [
    '300 items beside 100,000 at "50/s", in another process',
    '300 items beside 100,000 at "50/s", in the same process',
    'one of 4 processes dies',
    'storage is away for a minute',
    'no connection for 3 minutes, 4 processes',
];

describe('what is kept to', () => {
    test('"50/s" by four processes', async () => {
        expect(outOfBounds(await configured(4, SEED, TWO_MINUTES))).toEqual([]);
    });

    test('"50/s" and "300/min", one of two processes is killed', async () => {
        expect(outOfBounds(await counted(2, SEED, 500_000))).toEqual([]);
    });

    test.each(ALL.filter(({ name }) => names.includes(name)))('$name', async ({ run }) => {
        expect(outOfBounds(await run(SEED))).toEqual([]);
    });
});
