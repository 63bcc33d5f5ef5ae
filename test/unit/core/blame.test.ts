import { TargetHealth, type Evidence } from '../../../src/core/blame';
import { dice } from '../../support/dice';
import { runs } from '../../support/runs';

/**
 * Calls with so many in flight, each of 20 to 80 ms; `fails`: how the n-th item ends. A failed item is called again, three times in all. Gives back when the
 * target counted as away first, or null.
 */
function call(calls: number, inFlight: number, fails: (item: number, now: number) => Evidence, roll: () => number): number | null {
    const health = new TargetHealth();
    const places = Array.from({ length: inFlight }, () => ({ endsAt: 0, item: -1, tries: 3 }));
    let items = 0;
    for (let i = 0; i < calls; i++) {
        const place = places.reduce((first, next) => (next.endsAt < first.endsAt ? next : first));
        const now = place.endsAt;
        if (place.item >= 0) {
            const evidence = fails(place.item, now);
            health.ended(evidence, place.tries > 0, 'why', now);
            if (health.away(now)) return now;
            place.tries = evidence === 'answered' ? 3 : place.tries + 1;
        } else place.tries = 3;
        if (place.tries >= 3) [place.item, place.tries] = [items++, 0];
        place.endsAt = now + 20 + 60 * roll();
    }
    return null;
}

// Where nearly every item has no connection from the start, nobody can tell that from an outage.
const shares = { suspect: [0.05, 0.3, 0.95], unreachable: [0.05, 0.3] } as const;
const cases = (['suspect', 'unreachable'] as const).flatMap((how) =>
    shares[how].flatMap((share) => [1, 8, 64].map((inFlight) => [share, inFlight, how] as const)),
);

test.each(cases)('%d of all items fail for good, %d in flight (%s): the target is there', (share, inFlight, how) => {
    for (let seed = 0; seed < runs(5); seed++) {
        const roll = dice(seed);
        const isBad = dice(seed + 1_000);
        const bad = new Map<number, boolean>();
        const fails = (item: number): Evidence => {
            if (!bad.has(item)) bad.set(item, isBad() < share);
            return bad.get(item) ? how : 'answered';
        };
        expect(call(20_000, inFlight, fails, roll)).toBeNull();
    }
});

test.each([
    [0, 64, 'unreachable', 300],
    [0, 1, 'unreachable', 1_500],
    [0, 64, 'suspect', 5_500],
    [0, 8, 'suspect', 6_500],
    [0.05, 64, 'suspect', 6_500],
    [0.3, 64, 'suspect', 6_500],
    [0.3, 64, 'unreachable', 1_000],
] as const)('with %d failing before, %d in flight: an outage (%s) is seen within %d ms', (share, inFlight, how, ms) => {
    const roll = dice(7);
    const began = 20_000;
    const isBad = new Map<number, boolean>();
    const fails = (item: number, now: number): Evidence => {
        if (now >= began) return how;
        if (!isBad.has(item)) isBad.set(item, roll() < share);
        return isBad.get(item) ? how : 'answered';
    };
    const at = call(200_000, inFlight, fails, roll);
    expect(at).toBeGreaterThanOrEqual(began);
    expect(at! - began).toBeLessThan(ms);
});

describe('whose fault an attempt is', () => {
    const health = (answeredAt?: number): TargetHealth => {
        const h = new TargetHealth();
        if (answeredAt !== undefined) h.ended('answered', false, '', answeredAt);
        return h;
    };

    test.each([
        ['throttled', 'throttle'],
        ['answered', 'item'],
        ['none', 'item'],
    ] as const)('%s: %s, whatever else is known', (evidence, blame) => {
        expect(health().blame(evidence, 0, true)).toBe(blame);
        expect(health(5).blame(evidence, 0, false)).toBe(blame);
    });

    test("a suspect one is the target's while it is away, the item's when somebody was answered since it began, and nobody's until then", () => {
        expect(health(10).blame('suspect', 5, true)).toBe('target');
        expect(health(10).blame('suspect', 5, false)).toBe('item');
        expect(health(10).blame('unreachable', 5, false)).toBe('item');
        expect(health(10).blame('suspect', 11, false)).toBe('open');
        expect(health().blame('suspect', 0, false)).toBe('open');
    });

    test('an answer to somebody else before the row began does not end it', () => {
        const h = health(0);
        for (let i = 0; i < 10; i++) h.ended('unreachable', false, 'refused', 1_000 + i);
        h.heard(900);
        expect(h.away(1_010)).toEqual({ ms: 10, why: 'refused' });
        h.heard(1_005);
        expect(h.away(1_010)).toBeNull();
    });
});
