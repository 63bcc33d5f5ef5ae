// What a status says of rates, ends, waits, states and counts.
import * as fc from 'fast-check';
import { noCalls } from '../../../src/core/callStats';
import { waitCodes } from '../../../src/core/codes';
import { noCounts } from '../../../src/core/counts';
import type { FailureGroup } from '../../../src/core/failures';
import { newLedger, type HeldLease, type LedgerState } from '../../../src/core/ledger';
import { NEWS_MS, statusOf, type Aged, type SliceProgress, type StatusAsked, type StepProgress } from '../../../src/core/status';
import { states, type Desire } from '../../../src/core/states';
import { groupOf } from '../../support/failureGroup';
import { runs } from '../../support/runs';

const NOW = 1_800_000_000_000;
const iso = (ms: number) => new Date(ms).toISOString();

/** A job that runs since a minute ago, of a hundred items in ten partitions, half of them done. */
const running = (over: Partial<LedgerState> = {}): LedgerState => ({
    ...newLedger('job'),
    ...{ state: 'running', startedAt: NOW - 60_000, entered: { running: NOW - 60_000 }, heardAt: NOW - 100 },
    ...{ total: 100, partitions: 10, next: 5, closed: 5, counts: { ...noCounts(), succeeded: 50 } },
    ...over,
});

const held = (slot: number, over: Partial<HeldLease> = {}): HeldLease => ({
    ...{ epoch: 7, first: 7, resume: [], from: 5, to: 6, mode: 'normal', ending: 'cancelled', concurrency: 1, startAt: null, before: null },
    ...{ share: { slot, of: 2 }, generation: 0, crashes: 0, base: noCounts(), resumed: [], since: NOW - 10_000, againAt: null },
    ...over,
});

/** What is wanted of the job, and how often that has changed. */
const wanted = (generation: number, desired: Desire): StatusAsked['control'] => ({ generation, desired, approval: null });

const told = (slot: number, over: Partial<Aged<SliceProgress>> = {}): Aged<SliceProgress> => ({
    ...{ worker: `r1w${slot}`, epoch: 7, first: 7, parts: [], before: null, inFlight: 2, rate: 4, calls: noCalls(), at: 'T', age: 500 },
    ...over,
});

const shown = (over: Omit<Partial<StatusAsked>, 'progress'> & { slices?: Aged<SliceProgress>[]; steps?: Aged<StepProgress>[] }) => {
    const { slices = [], steps = [], ...rest } = over;
    return statusOf({
        ...{ ledger: running(), control: wanted(0, 'run'), createdAt: NOW - 70_000, startsAt: NOW - 70_000, now: NOW },
        ...rest,
        progress: { slices, steps },
    });
};

describe('the rate', () => {
    test('is that of the last seconds, of all slices together', () => {
        const ledger = running({ leases: { r1w0: held(0), r1w1: held(1, { from: 6, to: 7 }) }, rate: 99 });
        expect(shown({ ledger, slices: [told(0, { rate: 4.2 }), told(1, { rate: 1.5 })] }).rate).toBe(5.7);
        expect(shown({ ledger, slices: [told(0, { rate: 4.2 }), told(1, { rate: 1.5, age: NEWS_MS + 1 })] }).rate).toBe(4.2);
    });

    test('is none without news, whatever it was before', () => {
        const ledger = running({ leases: { r1w0: held(0) }, rate: 99 });
        expect(shown({ ledger }).rate).toBe(0);
        expect(shown({ ledger, slices: [told(0, { age: NEWS_MS + 1 })] }).rate).toBe(0);
        expect(shown({ ledger: running({ rate: 99 }), slices: [told(0)] }).rate).toBe(0);
    });

    test('of a slice that has just begun is what slices did before it', () => {
        const ledger = running({ leases: { r1w0: held(0, { since: NOW - 500 }) }, rate: 9, ratedAt: NOW - 500 });
        expect(shown({ ledger }).rate).toBe(9);
        // What they did before a pause says nothing of now.
        expect(shown({ ledger: { ...ledger, ratedAt: NOW - 60_000 } }).rate).toBe(0);
        // What is told of the slice before it is no news of this one.
        expect(shown({ ledger, slices: [told(0, { epoch: 6, first: 6, rate: 3 })] }).rate).toBe(9);
    });
});

describe('the end that is foreseen', () => {
    const at = fc.integer({ min: NOW - 100_000, max: NOW + 100_000 });
    const rates = fc.oneof(fc.constant(0), fc.double({ min: 0.001, max: 1e6, noNaN: true }), fc.constant(Number.MIN_VALUE));
    const waitsOfSlice = fc.option(fc.record({ code: fc.constantFrom(...waitCodes), why: fc.constant('test'), until: at }), { freq: 2 });
    const any = fc.record({
        state: fc.constantFrom(...states),
        total: fc.option(fc.nat(2_000_000_000)),
        done: fc.nat(200),
        startedAt: fc.option(at, { freq: 20 }),
        entered: fc.dictionary(fc.constantFrom('running', 'paused', 'cancelling'), at),
        delayed: fc.array(at, { maxLength: 3 }),
        waiting: fc.option(fc.record({ code: fc.constantFrom(...waitCodes), for: fc.constant('test'), until: at }), { freq: 2 }),
        slices: fc.array(fc.record({ rate: rates, age: fc.nat(10_000), waits: waitsOfSlice }), { maxLength: 3 }),
        desired: fc.constantFrom('run' as const, 'run' as const, 'run' as const, 'pause' as const, 'cancel' as const),
        rate: rates,
        heardAt: fc.option(at),
    });

    test('is not told, or is two times ahead, the earlier one first, and a reason', () => {
        let times = 0;
        fc.assert(
            fc.property(any, ({ done, delayed, slices, desired, ...rest }) => {
                const counts = { ...noCounts(), succeeded: done };
                const ledger = running({
                    ...rest,
                    counts,
                    delayed: delayed.map((wakeAt, part) => ({ part, wakeAt, counts: noCounts() })),
                    leases: Object.fromEntries(slices.map((_, slot) => [`r1w${slot}`, held(slot, { from: 0, to: 0 })])),
                });
                const { eta, waiting, rate, state } = shown({
                    ledger,
                    control: wanted(0, desired),
                    slices: slices.map((slice, slot) => told(slot, slice)),
                });
                expect(rate >= 0 && Number.isFinite(rate)).toBe(true);
                for (const time of [waiting?.until, waiting?.since]) if (typeof time === 'string') expect(Date.parse(time)).not.toBeNaN();
                if (eta === null) return;
                times++;
                expect(Date.parse(eta.earliest)).toBeGreaterThan(NOW);
                expect(Date.parse(eta.latest)).toBeGreaterThanOrEqual(Date.parse(eta.earliest));
                expect(eta.reason).not.toBe('');
                expect(state).toBe('running');
                expect(ledger.total).not.toBeNull();
                // Not before the last retry that is known of.
                for (const wakeAt of delayed) expect(Date.parse(eta.latest)).toBeGreaterThanOrEqual(wakeAt);
            }),
            { numRuns: runs(1_000) },
        );
        expect(times).toBeGreaterThan(0);
    });

    test('lies between the rate of the last seconds and that since the job began, and says both', () => {
        const ledger = running({ leases: { r1w0: held(0) }, startedAt: NOW - 100_000, entered: { running: NOW - 100_000 } });
        // Fifty in a hundred seconds, and two a second now: fifty are left.
        const { eta } = shown({ ledger, slices: [told(0, { rate: 2 })] });
        expect(eta).toEqual({ earliest: iso(NOW + 20_000), latest: iso(NOW + 125_000), reason: '2 items/s now, 0.5 since it began' });
    });

    test('is not before the last retry that is known of', () => {
        const ledger = running({
            leases: { r1w0: held(0) },
            delayed: [{ part: 4, wakeAt: NOW + 300_000, counts: noCounts() }],
        });
        const { eta } = shown({ ledger, slices: [told(0, { rate: 50 })] });
        expect(Date.parse(eta!.earliest)).toBe(NOW + 300_000);
        expect(eta!.reason).toContain(iso(NOW + 300_000));
    });

    const standing = ['SCHEDULED', 'PAUSED', 'OUTSIDE_WINDOWS', 'GATE_CLOSED', 'BREAKER_OPEN', 'NO_SHARE', 'STORAGE', 'VERSION'] as const;
    test.each(standing)('is not known while a job waits for %s', (code) => {
        const waiting = { code, for: 'test', until: NOW + 5_000 };
        const state = code === 'PAUSED' ? 'paused' : code === 'SCHEDULED' ? 'scheduled' : 'running';
        const control = wanted(0, code === 'PAUSED' ? 'pause' : 'run');
        expect(shown({ control, ledger: running({ state, waiting, leases: { r1w0: held(0) } }), slices: [told(0)] }).eta).toBeNull();
    });
});

test('the end that is foreseen names the limiter that holds the job back', () => {
    const ledger = running({ leases: { r1w0: held(0) }, startedAt: NOW - 30_000 });
    const asked = { ledger, slices: [told(0, { rate: 47.4 })] };
    expect(shown({ ...asked, heldBy: { name: 'api.example.com', paced: 47.5 } }).eta!.reason).toBe(
        '47.4 items/s, the limiter api.example.com allows 47.5 calls/s',
    );
    expect(shown({ ...asked, heldBy: null }).eta!.reason).toBe('47.4 items/s');
});

describe('what slices wait for', () => {
    const leases = { r1w0: held(0), r1w1: held(1, { epoch: 8, first: 8, from: 6, to: 7 }) };
    const waits = (until: number, code: (typeof waitCodes)[number] = 'BREAKER_OPEN', why = 'connection refused') => ({ code, why, until });
    const both = (first: Partial<SliceProgress> & { age?: number }, second: Partial<SliceProgress> & { age?: number }) => [
        told(0, first),
        told(1, { epoch: 8, first: 8, ...second }),
    ];

    test('is what the job waits for when all of them wait, until the first may call again; then nobody knows the end', () => {
        const slices = both({ waits: waits(NOW + 4_000, 'GATE_CLOSED', 'a pause') }, { waits: waits(NOW + 3_000) });
        const { waiting, eta } = shown({ ledger: running({ leases }), slices });
        expect(waiting).toEqual({ code: 'BREAKER_OPEN', for: 'connection refused', until: iso(NOW + 3_000) });
        expect(eta).toBeNull();
    });

    test('is nothing to the job while one of them may call', () => {
        for (const may of [{}, { waits: null }]) {
            const { waiting, eta } = shown({ ledger: running({ leases }), slices: both({ waits: waits(NOW + 3_000) }, may) });
            expect(waiting).toBeNull();
            expect(eta).not.toBeNull();
        }
    });

    test('does not hang on one that was not heard of lately, and is not known where none was', () => {
        const ledger = running({ leases });
        const silent = { age: NEWS_MS + 1 };
        expect(shown({ ledger, slices: both({ waits: waits(NOW + 3_000) }, silent) }).waiting).toMatchObject({ code: 'BREAKER_OPEN' });
        expect(shown({ ledger, slices: both({ ...silent, waits: waits(NOW + 3_000) }, silent) }).waiting).toBeNull();
        expect(shown({ ledger: running(), slices: [told(0, { waits: waits(NOW + 3_000) })] }).waiting).toBeNull();
    });

    test('is said for two seconds longer, for slices tell late that it is over', () => {
        const after = (ms: number) => shown({ ledger: running({ leases }), slices: [told(0, { waits: waits(NOW - ms) })] }).waiting;
        expect(after(2_000)).toEqual({ code: 'BREAKER_OPEN', for: 'connection refused', until: iso(NOW + 500) });
        expect(after(2_001)).toBeNull();
    });

    test('comes before what the ledger waits for, which is older, and after a pause or an end', () => {
        const ledger = running({ leases, waiting: { code: 'RETRY_DUE', for: 'a retry', until: NOW + 60_000 } });
        const slices = both({ waits: waits(NOW + 3_000) }, { waits: waits(NOW + 3_000) });
        expect(shown({ ledger, slices }).waiting).toMatchObject({ code: 'BREAKER_OPEN' });
        expect(shown({ ledger, slices: both({ waits: waits(NOW + 3_000) }, {}) }).waiting).toMatchObject({ code: 'RETRY_DUE' });
        expect(shown({ ledger, slices, control: wanted(0, 'pause') }).waiting).toMatchObject({ code: 'PAUSED' });
        expect(shown({ ledger: { ...ledger, state: 'cancelling' }, slices }).waiting).toMatchObject({ code: 'RETRY_DUE' });
    });
});

describe('what is waited for', () => {
    test('is news, when for more than five seconds nothing was heard; since when is said', () => {
        const leases = { r1w0: held(0) };
        const silent = (ms: number) => running({ leases, heardAt: NOW - ms });
        expect(shown({ ledger: silent(NEWS_MS) }).waiting).toBeNull();
        const { waiting, workers, eta } = shown({ ledger: silent(NEWS_MS + 1), slices: [told(0, { age: 20_000 })] });
        expect(waiting).toMatchObject({ code: 'NO_NEWS', until: null, since: iso(NOW - NEWS_MS - 1) });
        expect(waiting!.for).toContain('worker r1w0');
        expect(workers).toMatchObject({ active: 1, silent: 1, inFlight: 0 });
        expect(eta).toBeNull();
        // What a slice tells is news, whatever the ledger has heard.
        expect(shown({ ledger: silent(60_000), slices: [told(0, { age: NEWS_MS })] }).waiting).toBeNull();
        expect(shown({ ledger: silent(60_000), slices: [told(0, { age: 6_000 })] }).waiting).toMatchObject({ since: iso(NOW - 6_000) });
    });

    test('is news of planning and of folding too', () => {
        const planning = { ...newLedger('job'), heardAt: null };
        expect(shown({ ledger: planning }).waiting).toMatchObject({ code: 'NO_NEWS', since: iso(NOW - 70_000) });
        expect(shown({ ledger: planning, steps: [{ step: 'plan', done: 5, of: null, age: 100 }] }).waiting).toBeNull();
        expect(shown({ ledger: planning, createdAt: NOW - 4_000, startsAt: NOW - 4_000 }).waiting).toBeNull();
        const folding = running({ state: 'folding', entered: { folding: NOW - 9_000 }, heardAt: NOW - 9_000 });
        expect(shown({ ledger: folding }).waiting).toMatchObject({ code: 'NO_NEWS', since: iso(NOW - 9_000) });
        expect(shown({ ledger: folding, steps: [{ step: 'fold', done: 1, of: 10, age: 4_000 }] }).waiting).toBeNull();
        // News of another step is none.
        expect(shown({ ledger: folding, steps: [{ step: 'plan', done: 1, of: 10, age: 100 }] }).waiting).toMatchObject({ code: 'NO_NEWS' });
    });

    test.each([
        'RETRY_DUE',
        'CRASH',
        'ISOLATION',
        'STORAGE',
        'WORK',
        'CONTROL',
        'VERSION',
        'OUTSIDE_WINDOWS',
        'BREAKER_OPEN',
        'NO_SHARE',
    ] as const)('is said with its code and until when: %s; not any more when that has passed', (code) => {
        const waiting = { code, for: 'what the test says', until: NOW + 7_000 };
        // Not heard of since it began to wait: that is no silence.
        const ledger = running({ waiting, heardAt: NOW - 60_000 });
        expect(shown({ ledger }).waiting).toEqual({ code, for: 'what the test says', until: iso(NOW + 7_000) });
        expect(shown({ ledger, now: NOW + 7_001 }).waiting).toBeNull();
        expect(shown({ ledger, now: NOW + 7_000 + NEWS_MS + 1 }).waiting).toMatchObject({
            ...{ code: 'NO_NEWS', since: iso(NOW + 7_000) },
        });
    });

    test('is that what was asked for reaches the workers, until the ledger has heard of it', () => {
        const control = wanted(3, 'run');
        expect(shown({ ledger: running({ generation: 2 }), control }).waiting).toMatchObject({ code: 'CONTROL', until: null });
        expect(shown({ ledger: running({ generation: 3 }), control }).waiting).toBeNull();
    });
});

describe('the state', () => {
    test('is scheduled until the time has come, also where the ledger has not heard of the job', () => {
        const asked = { startsAt: NOW + 60_000, ledger: newLedger('job') };
        const scheduled = { state: 'scheduled', eta: null, rate: 0, waiting: { code: 'SCHEDULED', until: iso(NOW + 60_000) } };
        expect(shown(asked)).toMatchObject(scheduled);
        expect(shown({ ...asked, ledger: { ...newLedger('job'), state: 'scheduled' } })).toMatchObject(scheduled);
        expect(shown({ ...asked, now: NOW + 60_001 })).toMatchObject({ state: 'planning', waiting: null });
    });

    test('is paused as soon as that is wanted, and waits for somebody to resume it, or for the deadline', () => {
        const pause = wanted(1, 'pause');
        const paused = { state: 'paused', eta: null, waiting: { code: 'PAUSED', until: null } };
        expect(shown({ control: pause })).toMatchObject(paused);
        expect(shown({ ledger: running({ state: 'paused', generation: 1 }), control: pause })).toMatchObject(paused);
        const deadline = NOW + 3_600_000;
        expect(shown({ ledger: running({ state: 'paused', deadline }), control: pause }).waiting!.until).toBe(iso(deadline));
        // However long ago it was heard of.
        expect(shown({ ledger: running({ state: 'paused', heardAt: NOW - 1e9 }), control: pause })).toMatchObject(paused);
    });

    test('is paused by its budget: the wait says which limit that was, and what has failed since the last resume', () => {
        const groups = Array.from({ length: 7 }, (_, i) => groupOf(`C${i}`, 9 - i));
        const reached = { limit: 'codes/TIMEOUT' as const, why: '10 items have failed with TIMEOUT; budget.codes allows 10', groups };
        const ledger = running({ state: 'paused', generation: 1, reached });
        const waiting = {
            ...{ code: 'BUDGET', for: `somebody to resume it: ${reached.why}`, until: null, limit: '/budget/codes/TIMEOUT' },
            groups: groups.slice(0, 5),
        };
        expect(shown({ ledger, control: wanted(1, 'pause') })).toMatchObject({ state: 'paused', eta: null, waiting });
        const deadline = NOW + 3_600_000;
        expect(shown({ ledger: { ...ledger, deadline }, control: wanted(1, 'pause') }).waiting!.until).toBe(iso(deadline));
        // A limit that is reached while the job is not paused yet is no wait.
        expect(shown({ ledger: { ...ledger, state: 'running' }, control: wanted(1, 'run') }).waiting).toBeNull();
        // Resumed, it waits for the word of that, and not for a budget that begins anew.
        expect(shown({ ledger, control: wanted(2, 'run') })).toMatchObject({ state: 'running', waiting: { code: 'CONTROL' } });
        // Another budget has made it no limit, and it is paused as ever.
        expect(shown({ ledger: { ...ledger, reached: null }, control: wanted(1, 'pause') }).waiting).toMatchObject({ code: 'PAUSED' });
    });

    const canary = { items: 10, partitions: 1, timeoutMs: 60_000, ranForMs: 7, until: NOW + 60_000, verdict: null };
    test('is canary while the first items run alone, and awaitingApproval until somebody says what comes after them, the timeout, or the deadline', () => {
        const own = running({ state: 'canary', canary: { ...canary, until: null } });
        expect(shown({ ledger: own })).toMatchObject({ state: 'canary', waiting: null });
        expect(shown({ ledger: own, control: wanted(1, 'pause') })).toMatchObject({ state: 'paused', waiting: { code: 'PAUSED' } });
        const ledger = running({ state: 'awaitingApproval', canary, heardAt: NOW - 1e9 });
        const waiting = { code: 'APPROVAL', for: 'somebody to approve or reject what comes after the canary' };
        expect(shown({ ledger })).toMatchObject({
            state: 'awaitingApproval',
            eta: null,
            waiting: { ...waiting, until: iso(NOW + 60_000) },
        });
        expect(shown({ ledger: { ...ledger, deadline: NOW + 5_000 } }).waiting).toMatchObject({ ...waiting, until: iso(NOW + 5_000) });
    });

    test('is running, paused or cancelling as soon as somebody has said what comes after the canary, before the ledger has heard of it', () => {
        const ledger = running({
            ...{ state: 'awaitingApproval', canary, generation: 1 },
            waiting: { code: 'APPROVAL', for: 'test', until: NOW + 60_000 },
        });
        const said = (is: 'approved' | 'rejected', desired: Desire) => ({ ...wanted(2, desired), approval: { is, by: 'me', at: NOW } });
        expect(shown({ ledger, control: said('approved', 'run') })).toMatchObject({ state: 'running', waiting: { code: 'CONTROL' } });
        expect(shown({ ledger, control: said('approved', 'pause') })).toMatchObject({ state: 'paused', waiting: { code: 'PAUSED' } });
        expect(shown({ ledger, control: said('rejected', 'cancel') })).toMatchObject({ state: 'cancelling', waiting: { code: 'CONTROL' } });
    });

    test('is running again as soon as that is wanted, and what the pause waited for is not', () => {
        const ledger = running({ state: 'paused', generation: 1, waiting: { code: 'PAUSED', for: 'test', until: NOW + 3_600_000 } });
        expect(shown({ ledger, control: wanted(2, 'run') })).toMatchObject({
            ...{ state: 'running', waiting: { code: 'CONTROL' } },
        });
    });

    test('is planning, or folding, with how far that has come', () => {
        const steps: Aged<StepProgress>[] = [
            { step: 'plan', done: 5_000, of: null, age: 100 },
            { step: 'fold', done: 3, of: 10, age: 100 },
        ];
        const planning = shown({ ledger: newLedger('job'), steps });
        expect(planning).toMatchObject({ state: 'planning', step: { step: 'plan', done: 5_000, of: null }, eta: null });
        expect(planning.counts).toMatchObject({ total: null, pending: null });
        const folding = shown({ ledger: running({ state: 'folding', entered: { folding: NOW } }), steps });
        expect(folding).toMatchObject({ state: 'folding', step: { step: 'fold', done: 3, of: 10 }, eta: null });
        expect(shown({ steps }).step).toBeNull();
    });
});

test('items that have expired are finished, and pending no more', () => {
    const counts = { ...noCounts(), succeeded: 50, expired: 20 };
    const base = { ...noCounts(), expired: 5 };
    const ledger = running({ state: 'cancelling', counts, leases: { r1w0: held(0, { base }) } });
    expect(shown({ ledger }).counts).toEqual({ ...noCounts(), succeeded: 50, expired: 25, total: 100, pending: 25, invalid: 0 });
    const parts = [{ part: 5, counts: { ...noCounts(), expired: 9 } }];
    expect(shown({ ledger, slices: [told(0, { parts })] }).counts).toMatchObject({ expired: 29, pending: 21 });
});

test('what an earlier run of a lease has recorded counts, whichever of its runs the ledger is read with', () => {
    const parts = [{ part: 5, counts: { ...noCounts(), succeeded: 6 } }];
    const succeeded = (lease: Partial<HeldLease>, progress: Partial<SliceProgress>) =>
        shown({ ledger: running({ leases: { r1w0: held(0, lease) } }), slices: [told(0, { parts, ...progress })] }).counts.succeeded;
    // Both are of one lease, first given under 7: the ledger ahead, and behind.
    expect(succeeded({ epoch: 9 }, { epoch: 8 })).toBe(56);
    expect(succeeded({ epoch: 8 }, { epoch: 9 })).toBe(56);
    // Of a later lease, what it says of the one before.
    const before = { first: 7, counts: { ...noCounts(), succeeded: 4 } };
    expect(succeeded({ epoch: 8 }, { epoch: 10, first: 10, before })).toBe(54);
    expect(succeeded({ epoch: 12, first: 12 }, { epoch: 10, first: 10, before })).toBe(50);
    // A lease whose worker has failed counts like one that is held.
    const orphans = { 0: held(0, { epoch: 8 }) };
    expect(shown({ ledger: running({ orphans }), slices: [told(0, { parts, epoch: 9 })] }).counts.succeeded).toBe(56);
});

test('failures are shown with their shares, the most frequent first', () => {
    const failures = [mergeable('a', 3), mergeable('b', 5)];
    expect(shown({ ledger: running({ failures }) }).failures).toEqual([
        { ...mergeable('b', 5), share: 0.625 },
        { ...mergeable('a', 3), share: 0.375 },
    ]);
});

const mergeable = (fingerprint: string, count: number): FailureGroup => ({
    ...{ fingerprint, code: 'X', status: null, message: 'm', count, firstAt: null, lastAt: null },
    sample: { index: 1, key: 1, at: null, message: 'm' },
});
