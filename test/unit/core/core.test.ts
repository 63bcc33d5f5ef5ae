// Properties of what is pure: lines of outcomes, delays of retries, moves of states, adaptive concurrency.
import * as fc from 'fast-check';
import { afterSuccess, afterThrottle, newConcurrency } from '../../../src/core/concurrency';
import { addCounts, noCounts, outcomes, finished, type Counts } from '../../../src/core/counts';
import { attemptLine, outcomeLine, readOutcomeHead, type Outcome } from '../../../src/items/outcomeLines';
import { retryDelay } from '../../../src/core/retry';
import { allowedMoves, desires, isEnded, moves, next, states, type Move } from '../../../src/core/states';
import { anyCharacter } from '../../support/anyCharacter';

const count = fc.nat({ max: 1_000_000 });
const counts: fc.Arbitrary<Counts> = fc.record({
    succeeded: count,
    failed: count,
    skipped: count,
    cancelled: count,
    expired: count,
    retries: count,
});
const key = fc.oneof(fc.integer(), fc.string({ minLength: 1, maxLength: 60, unit: anyCharacter }));

describe('outcomes', () => {
    const outcome = fc.record({
        index: fc.nat(),
        outcome: fc.constantFrom(...outcomes),
        key,
        attempts: fc.integer({ min: 0, max: 20 }),
        ms: fc.nat(),
        at: fc.constant('2026-11-25T00:00:00.000Z'),
    });

    test('a line is JSON on one line, and its head tells what the whole tells, whatever key and output hold', () => {
        fc.assert(
            fc.property(outcome, fc.option(fc.json(), { nil: undefined }), (o, output) => {
                // As processors give it: on one line.
                const json = output === undefined ? undefined : JSON.stringify(JSON.parse(output));
                const line = outcomeLine(o, json);
                expect(line.indexOf('\n')).toBe(line.length - 1);
                const { output: read, ...rest } = JSON.parse(line) as Outcome;
                expect(rest).toEqual(o);
                expect(JSON.stringify(read)).toBe(json === undefined ? undefined : JSON.stringify(JSON.parse(json)));
                expect(readOutcomeHead((bytes) => line.slice(0, bytes))).toEqual({
                    index: o.index,
                    outcome: o.outcome,
                    attempts: o.attempts,
                });
            }),
        );
    });

    test('attempts are read whole, however long the key before them is', () => {
        for (let length = 1; length <= 1_024; length++)
            for (const unit of ['k', '\ud800']) {
                const o = { index: 7, outcome: 'failed' as const, key: unit.repeat(length), attempts: 17, ms: 1, at: 'T' };
                const line = outcomeLine(o);
                expect(readOutcomeHead((bytes) => line.slice(0, bytes))?.attempts).toBe(17);
            }
    });

    test('the line of an attempt is never taken for an outcome', () => {
        fc.assert(
            fc.property(fc.nat(), fc.string(), (index, message) => {
                const error = { code: 'X', message, retryable: true };
                const line = attemptLine({ attempt: 1, index, at: 'T', ms: 1, error, retryAt: 'T' });
                expect(readOutcomeHead((bytes) => line.slice(0, bytes))).toBeNull();
            }),
        );
    });

    test('counts add up in any order', () => {
        fc.assert(
            fc.property(fc.array(counts), (all) => {
                const sum = all.reduce(addCounts, noCounts());
                expect([...all].reverse().reduce(addCounts, noCounts())).toEqual(sum);
                expect(finished(sum)).toBe(all.reduce((n, c) => n + finished(c), 0));
            }),
        );
    });
});

test('a retry waits at most for its ceiling, and what the target asked for wins over it', () => {
    const policy = fc.record({
        attempts: fc.integer({ min: 1, max: 20 }),
        initialDelayMs: fc.nat({ max: 7 * 86_400_000 }),
        maxDelayMs: fc.nat({ max: 30 * 86_400_000 }),
        factor: fc.double({ min: 1, max: 10, noNaN: true }),
    });
    const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
        fc.property(
            policy,
            fc.integer({ min: 1, max: 20 }),
            chance,
            fc.option(fc.nat({ max: 86_400_000 }), { nil: undefined }),
            (p, n, c, asked) => {
                const delay = retryDelay(p, n, asked, c);
                expect(Number.isInteger(delay) && delay >= 0).toBe(true);
                if (asked === undefined) expect(delay).toBeLessThanOrEqual(p.maxDelayMs);
                else expect(delay >= asked && delay <= Math.max(Math.ceil(asked * 1.1), p.maxDelayMs)).toBe(true);
            },
        ),
    );
});

test.each([NaN, Infinity, -Infinity, -5, 1e300])('a delay asked for as %d is still a delay', (asked) => {
    const delay = retryDelay({ attempts: 5, initialDelayMs: 1000, maxDelayMs: 60_000, factor: 2 }, 1, asked, 0.5);
    expect(delay >= 500 && delay <= 8 * 86_400_000).toBe(true);
    expect(() => new Date(Date.now() + delay).toISOString()).not.toThrow();
});

test('any sequence of moves keeps to the table, and nothing leaves an end', () => {
    fc.assert(
        fc.property(fc.array(fc.constantFrom(...(Object.keys(moves) as Move[]))), (sequence) => {
            let state: (typeof states)[number] = 'planning';
            for (const move of sequence) {
                const to = next(state, move);
                if (isEnded(state)) expect(to).toBeNull();
                if (desires.some((desired) => (allowedMoves(state, desired) as Move[]).includes(move))) expect(to).not.toBeNull();
                state = to ?? state;
                expect(states).toContain(state);
            }
        }),
    );
});

test('calls in flight stay between one and the permit, whatever the target does', () => {
    fc.assert(
        fc.property(fc.integer({ min: 1, max: 512 }), fc.array(fc.boolean(), { maxLength: 500 }), (max, answers) => {
            let c = newConcurrency(max, true, null);
            answers.forEach((ok, i) => {
                c = ok ? afterSuccess(c, i * 500, 100, c.limit) : afterThrottle(c, i * 500, 100);
                expect(c.limit >= 1 && c.limit <= max).toBe(true);
            });
        }),
    );
});
