import fc from 'fast-check';
import { aged, newRegister, renewed, seenOf, settled, totalRate, type Register } from '../../../../src/core/limiter/register';
import { parseRate, type Rate } from '../../../../src/core/limiter/rate';
import { runs } from '../../../support/runs';
import { renewal } from '../../../support/renewal';
import { Registered, type Fate } from './holders';

const rates = (...texts: string[]): Rate[] => texts.map((text) => parseRate(text)!);
const START = 1_790_000_000_000;

interface Step {
    kind: 'pass' | 'renew' | 'call' | 'late' | 'die' | 'leave' | 'look' | 'put';
    holder: number;
    ms: number;
    calls: number;
    fate: Fate;
    want: number | null;
}

const anyStep = {
    kind: fc.oneof<fc.MaybeWeightedArbitrary<Step['kind']>[]>(
        { weight: 5, arbitrary: fc.constantFrom('pass', 'renew', 'call') },
        { weight: 1, arbitrary: fc.constantFrom('late', 'die', 'leave', 'look', 'put') },
    ),
    holder: fc.nat(3),
    ms: fc.oneof(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 20_000 })),
    calls: fc.nat(40),
    fate: fc.constantFrom<Fate>('taken', 'taken', 'requestLost', 'answerLost', 'requestLost'),
    want: fc.constantFrom(null, null, 0, 1, 7.5),
};
const step: fc.Arbitrary<Step> = fc.record(anyStep);
/** Renewed and called most of the time. */
const busy = fc.record({
    ...anyStep,
    kind: fc.constantFrom<Step['kind']>('pass', 'renew', 'call', 'renew', 'call', 'late', 'die', 'leave'),
    ms: fc.integer({ min: 0, max: 8_000 }),
});
const behind = fc.array(fc.integer({ min: 0, max: 999 }), { minLength: 4, maxLength: 4 });

/** Runs them, with four places for holders: who has died or left is followed by another. */
function runSteps(
    steps: Step[],
    behindMs: number[],
    put: (world: Registered, step: Step) => void,
    check: (world: Registered) => void,
): Registered {
    const world = new Registered();
    const at = behindMs.map((ms) => world.holder(ms));
    put(world, steps[0]!);
    for (const s of steps) {
        if (at[s.holder]!.isGone && s.kind === 'renew') at[s.holder] = world.holder(behindMs[s.holder]!);
        const holder = at[s.holder]!;
        if (s.kind === 'pass') world.now += s.ms;
        if (s.kind === 'renew') holder.renew(s.fate, { jobs: { [`job-${s.holder % 2}`]: { want: s.want, inFlight: 0 } } });
        if (s.kind === 'call') world.holders.forEach((h, i) => (i % 4 === s.holder ? h.call(s.calls) : undefined));
        if (s.kind === 'late') holder.arriveLate();
        if (s.kind === 'die') holder.die();
        if (s.kind === 'leave') holder.leave();
        if (s.kind === 'look') seenOf(world.register, holder.name, world.now - behindMs[s.holder]!);
        if (s.kind === 'put') put(world, s);
        check(world);
    }
    return world;
}

const EPSILON = 1e-6;

test('whatever is late, lost, repeated or dead: valid shares of the rate and of places are never more than there is', () => {
    fc.assert(
        fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), behind, (steps, behindMs) => {
            // A limit that was lowered holds when the shares before it have run out.
            const limits: { at: number; n: number; inFlight: number }[] = [];
            const put = (world: Registered, { calls }: Step) => {
                const limit = { n: 10 + calls, inFlight: 1 + (calls % 9) };
                world.put({ rates: [{ n: limit.n, perMs: 1_000 }], inFlight: limit.inFlight });
                limits.push({ at: world.now, ...limit });
            };
            runSteps(steps, behindMs, put, (world) => {
                const inForce = limits.filter((_, i) => (limits[i + 1]?.at ?? Infinity) > world.now - 12_000);
                expect(world.held(({ rate }) => rate)).toBeLessThanOrEqual(0.95 * Math.max(...inForce.map(({ n }) => n)) + EPSILON);
                expect(world.held(({ inFlight }) => inFlight)).toBeLessThanOrEqual(Math.max(...inForce.map(({ inFlight }) => inFlight)));
            });
        }),
        { numRuns: runs(2_000) },
    );
});

test('and counted windows never have more calls than they may, in any stretch of their length', () => {
    let made = 0;
    fc.assert(
        fc.property(fc.array(busy, { minLength: 30, maxLength: 80 }), behind, fc.integer({ min: 1, max: 60 }), (steps, behindMs, n) => {
            const counted: Rate[] = [
                { n, perMs: 30_000 },
                { n: 2 * n, perMs: 90_000 },
            ];
            const put = (world: Registered) => world.put({ rates: [{ n: 50, perMs: 1_000 }, ...counted], inFlight: null });
            const { calls } = runSteps(steps, behindMs, put, () => undefined);
            made += calls.length;
            for (const { n: most, perMs } of counted)
                expect(calls.filter((at, i) => calls[i - most] !== undefined && calls[i - most]! > at - perMs)).toEqual([]);
        }),
        { numRuns: runs(2_000) },
    );
    // They are used, too.
    expect(made).toBeGreaterThan(runs(2_000) * 10);
});

describe('what the properties hang on', () => {
    test('a share of somebody whose clock is behind is his own until his time is over', () => {
        const world = new Registered();
        world.put({ rates: rates('100/s'), inFlight: null });
        const [late, other] = [world.holder(999), world.holder(0)];
        late.renew('taken');
        for (let ms = 0; ms < 20_000; ms += 250) {
            world.now += 250;
            other.renew('taken');
            expect(world.held(({ rate }) => rate)).toBeLessThanOrEqual(95);
        }
        expect(other.share.rate).toBeCloseTo(95);
    });

    test('a call that somebody counts whose clock is behind counts for the whole window', () => {
        for (let phase = 0; phase < 1_100; phase += 50) {
            const world = new Registered();
            world.now += phase;
            world.put({ rates: rates('1/30s'), inFlight: null });
            const late = world.holder(999);
            late.renew('taken');
            late.call(1);
            late.leave();
            expect(world.calls).toHaveLength(1);
            for (let ms = 29_000; ms < 34_000; ms += 100) {
                world.now = 1_790_000_000_000 + phase + ms;
                const other = world.holder(0);
                other.renew('taken');
                if (ms < 30_000) expect(other.share.quota).toBe(0);
                other.leave();
            }
        }
    });

    test('while nobody knows whether a renewal was taken in, its holder goes by the less of both shares', () => {
        const world = new Registered();
        world.put({ rates: rates('100/s'), inFlight: 10 });
        const [first, second] = [world.holder(0), world.holder(0)];
        first.renew('taken');
        second.renew('taken');
        first.renew('answerLost');
        second.renew('taken');
        expect(second.share).toMatchObject({ rate: 47.5, inFlight: 5 });
        expect(first.share).toMatchObject({ rate: 47.5, inFlight: 5 });
        first.renew('requestLost');
        second.leave();
        first.renew('requestLost');
        expect(first.share).toMatchObject({ rate: 47.5, inFlight: 5 });
    });
});

describe('shares', () => {
    test('a newcomer has its half as soon as the other has renewed', () => {
        const world = new Registered();
        world.put({ rates: rates('100/s'), inFlight: null });
        const [first, second] = [world.holder(0), world.holder(300)];
        first.renew('taken');
        expect(first.share.rate).toBeCloseTo(95);
        second.renew('taken');
        expect(second.share.rate).toBe(0);
        expect(seenOf(world.register, first.name, world.now).fairRate).toBeCloseTo(47.5);
        first.renew('taken');
        second.renew('taken');
        expect([first.share.rate, second.share.rate]).toEqual([47.5, 47.5]);
    });

    test('who needs less has what it needs, and a part of what nobody needs', () => {
        const world = new Registered();
        world.put({ rates: rates('100/s'), inFlight: null });
        const [first, second] = [world.holder(0), world.holder(0)];
        for (let i = 0; i < 2; i++) {
            first.renew('taken', { jobs: { a: { want: 5, inFlight: 0 } } });
            second.renew('taken', { jobs: { b: { want: null, inFlight: 0 } } });
        }
        expect([first.share.rate, second.share.rate]).toEqual([5, 90]);
    });

    test('fewer places than holders go round', () => {
        const world = new Registered();
        world.put({ rates: [], inFlight: 2 });
        const holders = Array.from({ length: 5 }, () => world.holder(0));
        const had = new Set<string>();
        for (let t = 0; t < 200; t += 5) {
            world.now += 5_000;
            for (const holder of holders) holder.renew('taken');
            expect(world.held(({ inFlight }) => inFlight)).toBeLessThanOrEqual(2);
            for (const { name, share } of holders) if (share.inFlight! > 0) had.add(name);
        }
        expect(had.size).toBe(5);
    });

    test('200 holders of many jobs each fit in 64 KiB, and one more gets nothing', () => {
        // As a process tells of them in such a crowd.
        const need = { want: 1_234.5, inFlight: 12 };
        const jobs = { '01JC4Z8Q3M9K7WV5T2N6XBR0H1': need, '01JC4Z8Q3M9K7WV5T2N6XBR0H2': need, others: need };
        let register = settled(
            newRegister('api.example.com'),
            { rates: rates('1000/s', '30000/min', '1000000/day'), inFlight: 5_000 },
            'admin',
            START,
        );
        for (let i = 0; i < 200; i++)
            register = renewed(
                register,
                renewal(`0b5bd4a6-5b1b-4a0e-9f5c-3e7a${i}`, 1_000 + i, { jobs, lately: 1_234.4 }),
                START + i * 10,
            ).register;
        expect(JSON.stringify(register).length).toBeLessThan(64 * 1_024);
        const late = renewed(register, renewal('late', 1), START + 2_000);
        expect(late.register.holders).not.toHaveProperty('late');
        expect(late.grant).toMatchObject({ isLimited: true, rate: 0, inFlight: 0, quota: 0 });
    });

    test('a quota that nobody renews counts as used when its time is over, and no longer than the window', () => {
        const world = new Registered();
        world.put({ rates: rates('50/s', '100/min'), inFlight: null });
        const dead = world.holder(0);
        dead.renew('taken');
        expect(dead.share.quota).toBe(100);
        dead.die();
        world.now += 15_000;
        const other = world.holder(0);
        other.renew('taken');
        expect(other.share.quota).toBe(0);
        world.now += 64_000;
        other.renew('taken');
        expect(other.share.quota).toBe(100);
    });
});

describe('which windows hold', () => {
    const told = (...all: Rate[][]): Register =>
        all.reduce((register, r, i) => renewed(register, renewal(`holder-${i}`, 1, { rates: r }), START).register, newRegister('target'));

    test('of each length the strictest that a job at work asks for, until somebody has set one', () => {
        const register = told(rates('50/s', '1000/min'), rates('80/s', '600/min'));
        expect(totalRate(register, START)).toBeCloseTo(47.5);
        expect(seenOf(register, 'x', START).quota).toBe(0);
        const set = settled(register, { rates: rates('10/s'), inFlight: null }, 'admin', START);
        expect(totalRate(set, START)).toBeCloseTo(9.5);
        expect(seenOf(set, 'x', START).quota).toBeNull();
        expect(totalRate(settled(set, { rates: [], inFlight: null }, 'admin', START), START)).toBeCloseTo(47.5);
    });

    test('what a job asks for holds as long as its process holds a share', () => {
        const register = told(rates('10/s'));
        expect(totalRate(aged(register, START + 13_000), START + 13_000)).toBeCloseTo(9.5);
        expect(totalRate(aged(register, START + 14_000), START + 14_000)).toBe(Infinity);
    });

    test('all up to ten seconds are paced, and a few calls in a minute are counted besides', () => {
        expect(totalRate(told(rates('50/s', '100/10s')), START)).toBeCloseTo(9.5);
        expect(seenOf(told(rates('50/s', '100/10s')), 'x', START).quota).toBeNull();
        expect(totalRate(told(rates('600/min')), START)).toBeCloseTo(9.5);
        expect(seenOf(told(rates('600/min')), 'x', START).quota).toBeNull();
        expect(seenOf(told(rates('20/min')), 'x', START).quota).toBe(0);
        expect(totalRate(told(rates('10000/day')), START)).toBe(Infinity);
    });
});

test('a renewal that comes twice changes nothing', () => {
    const first = renewed(newRegister('target'), renewal('a', 1, { rates: rates('10/s', '100/min'), accepted: 5, refused: 1 }), START);
    expect(renewed(first.register, renewal('a', 1, { accepted: 5, spent: [5], refused: 1 }), START).register).toEqual(first.register);
});

test('what is not limited needs no register, and a register is forgotten when nothing is known any more', () => {
    const refused = renewed(newRegister('target'), renewal('a', 1, { refused: 1, lately: 40 }), START).register;
    expect(seenOf(refused, 'a', START)).toMatchObject({ isLimited: true, totalRate: 24 });
    expect(seenOf(refused, 'a', START + 601_000)).toMatchObject({ isLimited: false, totalRate: null });
});
