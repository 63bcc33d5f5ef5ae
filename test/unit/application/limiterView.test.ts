// What users see of a register.
import * as fc from 'fast-check';
import { limiterBrief, limiterView, pacedFor } from '../../../src/application/limiterView';
import { parseSettings, registerDocument } from '../../../src/contracts/limiter';
import { rateText, type Rate } from '../../../src/core/limiter/rate';
import { newRegister, renewed, settled, type JobNeed, type Register, type Renewal } from '../../../src/core/limiter/register';
import { renewal } from '../../support/renewal';
import { runs } from '../../support/runs';

const NOW = 1_800_000_000_000;
const iso = (ms: number): string => new Date(ms).toISOString();
const RATES = {
    s: { n: 50, perMs: 1_000 },
    min: { n: 1_000, perMs: 60_000 },
    hour: { n: 900, perMs: 3_600_000 },
    day: { n: 100, perMs: 86_400_000 },
};

const set = (rates: Rate[], inFlight: number | null = null, at = NOW): Register =>
    settled(newRegister('t'), { rates, inFlight }, 'ann', at);
const need = (more: Partial<JobNeed> = {}): JobNeed => ({ want: null, inFlight: 1, ...more });
const told = (more: Partial<Renewal>): Renewal => renewal('p1', 1, { ms: 0, jobs: { a: need() }, ...more });
const after = (register: Register, more: Partial<Renewal>, now = NOW): Register => renewed(register, told(more), now).register;

describe('rates', () => {
    test('are nobody’s, the strictest of the jobs at work, or those that were set', () => {
        expect(limiterView(newRegister('t'), NOW).rate).toEqual({ configured: [], by: null, learned: null, hinted: null, paced: null });
        const shared = after(newRegister('t'), { jobs: { a: need(), b: need() }, rates: [RATES.s, RATES.day, { n: 20, perMs: 1_000 }] });
        expect(limiterView(shared, NOW).rate).toMatchObject({ configured: ['20/s', '100/day'], by: 'jobs', paced: 19 });
        const own = settled(shared, { rates: [RATES.s], inFlight: null }, 'ann', NOW);
        expect(limiterView(own, NOW)).toMatchObject({
            rate: { configured: ['50/s'], by: 'set', paced: 47.5 },
            setBy: 'ann',
            setAt: iso(NOW),
        });
        // Calls at once are set, rates are not: those of the jobs hold.
        const places = settled(shared, { rates: [], inFlight: 5 }, 'ann', NOW);
        expect(limiterView(places, NOW)).toMatchObject({ rate: { by: 'jobs' }, inFlight: { limit: 5 }, setBy: 'ann' });
    });

    test('that were learned, and that the target hints at, stand beside those that are configured; the least is paced', () => {
        const refused = after(set([RATES.s]), { lately: 10, accepted: 10, refused: 1 });
        expect(limiterView(refused, NOW).rate).toEqual({ configured: ['50/s'], by: 'set', learned: 9, hinted: null, paced: 9 });
        // It rises again, and is rounded.
        expect(limiterView(refused, NOW + 7_000).rate.learned).toBe(9.93);
        const hint = { remaining: 100, resetMs: 30_000 };
        const hinted = after(newRegister('t'), { rates: [RATES.s], hint });
        expect(limiterView(hinted, NOW).rate).toMatchObject({ learned: null, hinted: 3.33, paced: 3.33 });
        // Whoever sets a rate knows better.
        expect(limiterView(after(set([RATES.s]), { hint }), NOW).rate).toMatchObject({ paced: 47.5 });
    });
});

describe('windows', () => {
    test('are all but the one that paces', () => {
        const windowsOf = (...rates: { n: number; perMs: number }[]) => limiterView(set(rates), NOW).windows.map(({ rate }) => rate);
        expect(windowsOf()).toEqual([]);
        expect(windowsOf(RATES.s)).toEqual([]);
        expect(windowsOf(RATES.s, RATES.min, RATES.day)).toEqual(['1000/min', '100/day']);
        expect(windowsOf(RATES.min)).toEqual([]);
        expect(windowsOf(RATES.hour, RATES.day)).toEqual(['900/h', '100/day']);
    });

    test('say what is used, in hands, and left, and when the next call is free', () => {
        const first = after(set([RATES.day]), { seq: 1 });
        const { quota } = first.holders.p1!;
        expect(limiterView(first, NOW).windows).toEqual([{ rate: '100/day', used: 0, held: quota, left: 100 - quota, freeAt: null }]);
        expect(limiterView(first, NOW).holders).toMatchObject([{ quota }]);
        const usedUp = after(first, { seq: 2, spent: [100] });
        const [window] = limiterView(usedUp, NOW).windows;
        expect(window).toMatchObject({ used: 100, held: 0, left: 0 });
        expect(Date.parse(window!.freeAt!)).toBeGreaterThanOrEqual(NOW + 86_400_000);
        expect(Date.parse(window!.freeAt!)).toBeLessThanOrEqual(NOW + (86_400_000 * 61) / 60);
        expect(limiterBrief(usedUp, NOW)).toMatchObject({ quotaLeft: 0 });
        expect(limiterBrief(set([RATES.s]), NOW)).toMatchObject({ quotaLeft: null });
    });
});

describe('what keeps calls off', () => {
    test('is a gate, with its scouts, until it opens', () => {
        const shut = after(newRegister('t'), { refused: 1, closedMs: 30_000, lately: 20 });
        const { gate, log } = limiterView(shut, NOW);
        expect(gate).toEqual({ state: 'closed', since: iso(NOW), until: iso(NOW + 30_000), scoutsLeft: 4, scoutAt: iso(NOW + 1_000) });
        expect(log).toEqual([{ at: iso(NOW), kind: 'gateClosed', ms: 30_000 }]);
        expect(limiterBrief(shut, NOW)).toMatchObject({ gate: 'closed', breaker: 'closed' });
        expect(limiterView(shut, NOW + 30_000).gate).toEqual({ state: 'open', since: null, until: null, scoutsLeft: 0, scoutAt: null });
    });

    test('is the breaker, with its probes, until something succeeds', () => {
        const away = after(newRegister('t'), { failing: { ms: 6_000, why: 'connection refused' } });
        expect(limiterView(away, NOW).breaker).toEqual({
            ...{ state: 'open', since: iso(NOW), failingSince: iso(NOW - 6_000), why: 'connection refused' },
            ...{ probeAt: iso(NOW + 1_000), failed: 0 },
        });
        const back = after(away, { seq: 2, succeededAgoMs: 0 }, NOW + 4_000);
        const view = limiterView(back, NOW + 4_000);
        expect(view.breaker).toEqual({ state: 'closed', since: null, failingSince: null, why: null, probeAt: null, failed: 0 });
        expect(view.succeededAt).toBe(iso(NOW + 4_000));
        // The newest first.
        expect(view.log).toEqual([
            { at: iso(NOW + 4_000), kind: 'breakerClosed', ms: 10_000 },
            { at: iso(NOW), kind: 'breakerOpened', why: 'connection refused' },
        ]);
    });
});

test('holders are shown until their share is over, with what their jobs need', () => {
    const jobs = { a: need({ want: 12.3456, inFlight: 3 }), b: need() };
    const one = after(set([RATES.s], 9), { jobs, rates: [RATES.day] });
    expect(limiterView(one, NOW)).toMatchObject({
        inFlight: { limit: 9, now: 4 },
        holders: [
            {
                ...{ process: 'p1', until: iso(NOW + 14_000), rate: 47.5, inFlight: 9, quota: null, rates: ['100/day'] },
                jobs: [
                    { id: 'a', want: 12.35, inFlight: 3 },
                    { id: 'b', want: null, inFlight: 1 },
                ],
            },
        ],
    });
    expect(limiterView(one, NOW + 14_000)).toMatchObject({ inFlight: { now: 0 }, holders: [] });
    // Only who wants more than he gets is held back.
    expect(['a', 'b', 'c'].map((id) => pacedFor(id, one, NOW))).toEqual([null, 47.5, null]);
    expect(pacedFor('b', one, NOW + 14_000)).toBeNull();
    expect(pacedFor('b', after(newRegister('t'), { jobs }), NOW)).toBeNull();
});

test('whatever is set is shown as it was set, and survives storage', () => {
    const rate = fc.record({ n: fc.integer({ min: 1, max: 1e9 }), perMs: fc.constantFrom(1_000, 7_000, 60_000, 3_600_000, 86_400_000) });
    const asked = fc.record(
        {
            rate: fc.option(
                fc.oneof(
                    rate.map(rateText),
                    fc.uniqueArray(rate, { selector: ({ perMs }) => perMs, maxLength: 5 }).map((all) => all.map(rateText)),
                ),
            ),
            inFlight: fc.option(fc.integer({ min: 1, max: 100_000 })),
        },
        { requiredKeys: [] },
    );
    fc.assert(
        fc.property(asked, fc.boolean(), (document, isAtWork) => {
            const parsed = parseSettings(document);
            if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
            const before = isAtWork ? after(newRegister('t'), { jobs: { a: need() }, refused: 1, lately: 5 }) : newRegister('t');
            const register = settled(before, parsed.settings, 'ann', NOW);
            const stored = registerDocument.read(JSON.parse(JSON.stringify(registerDocument.write(register))));
            const view = limiterView(stored, NOW);
            expect(view).toEqual(limiterView(register, NOW));
            expect([...view.rate.configured].sort()).toEqual([document.rate ?? []].flat().sort());
            expect(view.inFlight.limit).toBe(document.inFlight ?? null);
            expect(view.rate.learned).toBeNull();
        }),
        { numRuns: runs(500) },
    );
});

test('whatever is sent is taken, or refused with a place and what is allowed', () => {
    const anything = fc.oneof(
        fc.anything(),
        fc.dictionary(fc.constantFrom('rate', 'inFlight', 'x'), fc.oneof(fc.jsonValue(), fc.constantFrom('1/s', '2/s'))),
    );
    fc.assert(
        fc.property(anything, (document) => {
            const parsed = parseSettings(document);
            if (parsed.ok) return;
            expect(parsed.errors.length).toBeGreaterThan(0);
            for (const { pointer, message } of parsed.errors) {
                expect(pointer).toMatch(/^(\/.*)?$/s);
                expect(message).not.toBe('');
            }
        }),
        { numRuns: runs(500) },
    );
});
