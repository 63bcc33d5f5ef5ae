import { newRegister, renewed, seenOf, left, totalRate, type Register, type Renewal } from '../../../../src/core/limiter/register';
import type { Grant } from '../../../../src/core/limiter/grant';
import { afterCycle, afterRefusal, rateOf, type Learned } from '../../../../src/core/limiter/learning';
import { renewal } from '../../../support/renewal';

const START = 1_790_000_000_000;

/** A register, and holders that renew it at times in ms from START on. */
class Told {
    register: Register = newRegister('target');
    private seq = 0;

    tell(at: number, holder: string, more: Partial<Renewal> = {}): Grant {
        const { register, grant } = renewed(this.register, renewal(holder, ++this.seq, more), START + at);
        this.register = register;
        return grant;
    }

    see(at: number, holder: string): Grant {
        return seenOf(this.register, holder, START + at);
    }
}

const closed = (told: Told, at: number, closedMs: number): Grant => told.tell(at, 'a', { refused: 1, closedMs, accepted: 100, lately: 20 });

describe('the gate', () => {
    test('is closed for everybody as long as the target has asked for, and opens by itself', () => {
        const told = new Told();
        closed(told, 0, 30_000);
        expect(told.see(10_000, 'b').gateMs).toBe(20_000);
        told.tell(12_000, 'b', { refused: 1, closedMs: 5_000 });
        expect(told.see(12_000, 'c').gateMs).toBe(18_000);
        expect(told.see(30_000, 'c').gateMs).toBe(0);
    });

    test('scouts go after 1, 2, 4 and 8 seconds, one at a time, and none when it opens soon', () => {
        const told = new Told();
        closed(told, 0, 11_000);
        const went: number[] = [];
        for (let at = 0; at < 11_000; at += 100) {
            const a = told.tell(at, 'a', { scouted: went.at(-1) === at - 300 ? 'refused' : null });
            const b = told.tell(at + 1, 'b');
            if (a.errand && went.at(-1) !== at - 100 && went.at(-1) !== at - 200) went.push(at);
            expect(b.errand).toBeNull();
        }
        expect(went).toEqual([1_000, 2_000, 4_000, 8_000]);
    });

    test('a refusal while it is closed puts off the next scout: who is refused as it is about to open is none at once', () => {
        const told = new Told();
        closed(told, 0, 2_000);
        closed(told, 1_900, 2_000);
        expect(told.tell(1_950, 'b')).toMatchObject({ gateMs: 1_950, errand: null, scoutMs: null });
        closed(told, 3_800, 11_000);
        expect(told.tell(4_700, 'b').errand).toBeNull();
        expect(told.tell(4_800, 'b').errand).toMatchObject({ kind: 'scout' });
    });

    test('a scout that nobody reports on is followed by another after half a minute', () => {
        const told = new Told();
        closed(told, 0, 120_000);
        expect(told.tell(1_000, 'a').errand).toMatchObject({ kind: 'scout', ms: 30_000 });
        expect(told.tell(2_000, 'b').errand).toBeNull();
        expect(told.see(2_000, 'b').scoutMs).toBe(29_000);
        expect(told.tell(31_000, 'b').errand).toMatchObject({ kind: 'scout' });
        expect(told.see(31_000, 'a').errand).toBeNull();
    });

    test("a scout whose process leaves is another's at once", () => {
        const told = new Told();
        closed(told, 0, 120_000);
        told.tell(1_000, 'a');
        told.register = left(told.register, { holder: 'a', spent: [] }, START + 1_500);
        expect(told.tell(2_000, 'b').errand).toMatchObject({ kind: 'scout' });
    });

    test('a scout that comes through with much time left opens it, and the target is not believed for ten minutes', () => {
        const told = new Told();
        closed(told, 0, 30_000);
        told.tell(1_000, 'b');
        const grant = told.tell(1_100, 'b', { scouted: 'passed' });
        expect(grant).toMatchObject({ gateMs: 0, overstates: true });
        expect(grant.totalRate).toBeCloseTo(18);
        told.tell(5_000, 'a', { refused: 1, closedMs: 30_000, lately: 20 });
        expect(told.see(5_000, 'a').gateMs).toBe(0);
        closed(told, 602_000, 30_000);
        expect(told.see(602_000, 'a').gateMs).toBe(30_000);
    });

    test('a scout that comes through at the end says nothing', () => {
        const told = new Told();
        closed(told, 0, 10_500);
        told.tell(8_000, 'b');
        expect(told.tell(8_700, 'b', { scouted: 'passed' })).toMatchObject({ gateMs: 0, overstates: false });
    });

    test('one that was meant is scouted once, after four seconds: each scout is a refusal', () => {
        const told = new Told();
        closed(told, 0, 10_000);
        told.tell(1_000, 'b');
        told.tell(1_100, 'b', { scouted: 'refused' });
        closed(told, 20_000, 10_000);
        expect(told.tell(21_000, 'b').errand).toBeNull();
        expect(told.tell(24_000, 'b').errand).toMatchObject({ kind: 'scout' });
        told.tell(24_100, 'b', { scouted: 'refused' });
        expect(told.see(24_100, 'b').scoutMs).toBeNull();
    });

    test('behind it, shares are of what was accepted from one opening to the next, before it opens and after', () => {
        const told = new Told();
        told.tell(0, 'a', { accepted: 0, ms: 1 });
        told.tell(6_000, 'a', { accepted: 600, ms: 6_000, refused: 1, closedMs: 54_000, lately: 100 });
        expect(told.tell(50_000, 'a').totalRate).toBeCloseTo(9.7);
        expect(told.tell(60_000, 'a').totalRate).toBeCloseTo(9.7);
    });
});

describe('the breaker', () => {
    const failing = { ms: 6_000, why: '503' };

    test('opens for all, and one probe is out at a time: after 1, 2, 4 … 60 seconds, and after an hour up to ten minutes', () => {
        const told = new Told();
        told.tell(0, 'a', { failing });
        expect(told.see(0, 'b').breaker).toMatchObject({ probeMs: 1_000, isOut: false, failingMs: 6_000, why: '503' });
        const gaps: number[] = [];
        let last = 0;
        let others = 0;
        for (let at = 0; at < 2.5 * 3_600_000; at += 1_000) {
            const grant = told.tell(at, 'b');
            if (told.tell(at, 'c').errand) others++;
            if (!grant.errand) continue;
            gaps.push(at - last);
            last = at;
            told.tell(at, 'b', { probed: { failed: '503' } });
        }
        expect(others).toBe(0);
        expect(gaps.slice(0, 8)).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        expect(gaps.slice(-5)).toEqual([600_000, 600_000, 600_000, 600_000, 600_000]);
        expect(gaps).toContain(240_000);
    });

    test('a probe that nobody reports on has failed', () => {
        const told = new Told();
        told.tell(0, 'a', { failing });
        expect(told.tell(1_000, 'b').errand).toMatchObject({ kind: 'probe' });
        expect(told.tell(20_000, 'c').errand).toBeNull();
        expect(told.see(31_000, 'c').breaker).toMatchObject({ probeMs: 2_000, isOut: false });
        // What it tells then is not of this probe.
        told.tell(31_500, 'b', { probed: { failed: 'late' } });
        expect(told.tell(33_000, 'c').errand).toMatchObject({ kind: 'probe' });
    });

    test('closes when the probe comes through, and when anybody has had an answer since', () => {
        const told = new Told();
        told.tell(0, 'a', { failing });
        told.tell(1_000, 'b');
        expect(told.tell(1_050, 'b', { probed: 'passed' }).breaker).toBeNull();
        const other = new Told();
        other.tell(0, 'a', { failing });
        // Clocks of two processes are a second and a half apart at most.
        expect(other.tell(1_000, 'b', { succeededAgoMs: 0 }).breaker).not.toBeNull();
        expect(other.tell(2_000, 'b', { succeededAgoMs: 100 }).breaker).toBeNull();
    });

    test('does not open where others have had answers since', () => {
        const told = new Told();
        told.tell(0, 'b', { succeededAgoMs: 0 });
        expect(told.tell(3_000, 'a', { failing }).breaker).toBeNull();
        expect(told.tell(5_000, 'a', { failing: { ms: 3_000, why: 'refused' } }).breaker).not.toBeNull();
    });
});

describe('what is learned', () => {
    const at = (ms: number) => START + ms;
    const refusal = { lately: 100, inAll: 0, isMost: false };

    test('down once for a burst, also where it is told late', () => {
        const first = afterRefusal(null, { ...refusal, at: at(0) }, at(0));
        expect(first.base).toBe(90);
        expect(afterRefusal(first, { ...refusal, at: at(900) }, at(900)).base).toBe(90);
        expect(afterRefusal(first, { ...refusal, at: at(-500) }, at(4_000)).base).toBe(90);
        expect(afterRefusal(first, { ...refusal, at: at(1_100) }, at(1_100)).base).toBeLessThan(90);
    });

    test('further down where most are refused, and never to nothing', () => {
        expect(afterRefusal(null, { ...refusal, at: at(0), isMost: true }, at(0)).base).toBe(60);
        expect(afterRefusal(null, { ...refusal, at: at(0), lately: 0 }, at(0)).base).toBe(0.5);
        expect(afterRefusal(null, { at: at(0), lately: 0, inAll: 50, isMost: true }, at(0)).base).toBe(5);
    });

    test('up slowly at first; much more slowly behind a gate', () => {
        const fast: Learned = { base: 10, at: at(0), isSlow: false, throttledAt: at(0) };
        expect([0, 7_000, 26_000].map((ms) => Math.round(rateOf(fast, at(ms))))).toEqual([10, 11, 39]);
        expect([7_000, 60_000, 215_000].map((ms) => Math.round(rateOf({ ...fast, isSlow: true }, at(ms))))).toEqual([10, 11, 40]);
    });

    test('behind a gate: a little down when it was closed for a moment, to what it let through when it was closed for long', () => {
        const before: Learned = { base: 10, at: at(0), isSlow: true, throttledAt: at(0) };
        const cycle = { since: at(0), accepted: 500 };
        const closedAt = (ms: number) => ({ since: at(ms), accepted: 100 });
        expect(afterCycle(before, cycle, closedAt(58_000), at(60_000)).base).toBeCloseTo(0.93 * rateOf(before, at(58_000)));
        expect(afterCycle(before, cycle, closedAt(20_000), at(60_000)).base).toBeCloseTo((0.97 * 500) / 60);
        // The first one, soon open again, came upon a burst: it is taken for a refusal.
        expect(afterCycle(null, cycle, closedAt(1_000), at(2_000))).toMatchObject({ base: 90, isSlow: false });
        expect(afterCycle(null, cycle, closedAt(1_000), at(60_000)).base).toBeCloseTo((0.97 * 500) / 60);
    });

    test('what the target says is left is spread over the time until there is more, and not heeded for a second or two', () => {
        const told = new Told();
        told.tell(0, 'a', { hint: { remaining: 100, resetMs: 20_000 } });
        expect(totalRate(told.register, at(0))).toBe(5);
        told.tell(5_000, 'a', { hint: { remaining: 1_000, resetMs: 1_000 } });
        expect(totalRate(told.register, at(5_000))).toBe(5);
        expect(totalRate(told.register, at(60_000))).toBe(Infinity);
    });
});
