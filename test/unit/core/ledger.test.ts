import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import {
    newLedger,
    reduceLedger,
    type LedgerOperation,
    type LedgerReply,
    type LedgerState,
    type LeaseReply,
    type Delayed,
    type SettleReply,
    type SliceReport,
} from '../../../src/core/ledger';
import { noCounts, finished } from '../../../src/core/counts';
import { noCalls } from '../../../src/core/callStats';
import { newControl } from '../../../src/core/control';
import { statusOf, type Aged, type SliceProgress } from '../../../src/core/status';
import type { TroubleCode } from '../../../src/core/trouble';
import { dice } from '../../support/dice';
import { runs } from '../../support/runs';

/** Expects it, at the cost of a comparison where it is so: a run looks a hundred thousand times. */
const same = (found: unknown, expected: unknown) => isDeepStrictEqual(found, expected) || expect(found).toEqual(expected);

/** Drives a ledger the way runJob and its workers do; the dice decide what a slice gets done, what dies, and what arrives twice. */
class World {
    state: LedgerState = newLedger('job');
    now = 1_000_000;
    /** Items recorded per partition: what the outcome blobs would hold. */
    readonly recorded: number[];
    readonly holders = new Map<number, number>();
    constructor(
        readonly partitions: number,
        readonly perPartition: number,
        private readonly dice: () => number,
    ) {
        this.recorded = Array.from({ length: partitions }, () => 0);
        this.tell({ op: 'open', jobId: 'job', total: partitions * perPartition, invalid: 0, partitions, maxConcurrency: 96 });
    }

    tell(operation: LedgerOperation): LedgerReply {
        const { state, reply } = reduceLedger(this.state, operation, this.now);
        this.state = state;
        if (this.dice() < 0.2) {
            const again = reduceLedger(this.state, operation, this.now + 5);
            // A settle asked twice begins another round; every other operation told twice gives the same answer and changes nothing.
            if (operation.op !== 'settle') {
                same(again.reply, reply);
                same(again.state.counts, this.state.counts);
            } else {
                this.state = again.state;
                return again.reply;
            }
        }
        return reply;
    }

    slice(lease: { epoch: number; resume: number[]; from: number; to: number; mode: string }): SliceReport {
        const fate = this.dice();
        const parts = [...lease.resume, ...Array.from({ length: lease.to - lease.from }, (_, i) => lease.from + i)];
        const reach = fate < 0.3 ? Math.floor(this.dice() * (parts.length + 1)) : parts.length;
        const open: Delayed[] = [];
        const counts = noCounts();
        let closed = 0;
        const worked = reach > 0;
        for (const part of parts.slice(0, reach)) {
            const left = this.perPartition - this.recorded[part]!;
            const done = lease.mode === 'cancel' || this.dice() < 0.6 ? left : Math.floor(this.dice() * left);
            this.recorded[part]! += done;
            const all = this.recorded[part]!;
            if (all === this.perPartition) {
                closed++;
                counts.succeeded += all;
            } else
                open.push({ part: part, wakeAt: this.now + Math.floor(this.dice() * 60_000), counts: { ...noCounts(), succeeded: all } });
        }
        if (fate > 0.85) return { epoch: lease.epoch, lost: fate > 0.93 ? 'superseded' : 'crashed', reason: 'dice' };
        const unreached = parts.slice(reach).filter((part) => lease.resume.includes(part));
        const refused = parts[reach];
        const trouble =
            refused !== undefined && this.dice() < 0.5
                ? { trouble: { part: this.dice() < 0.2 ? null : refused, code: 'STORAGE_AWAY' as const, message: 'dice' } }
                : {};
        const untouched = parts.slice(reach).find((p) => !lease.resume.includes(p)) ?? lease.to;
        const rest = { failures: [], rate: 100 * this.dice(), limit: null, worked };
        return { epoch: lease.epoch, closed, counts, open, unreached, untouched, ...rest, ...trouble };
    }

    /** Runs rounds of workers until the ledger is done; every partition is in at most one hand at any time. */
    run(cancelAfter: number): SettleReply {
        for (let round = 0, steps = 0; round < 2000; round++) {
            const reply = this.tell({ op: 'settle' }) as SettleReply;
            if (reply.kind === 'done' || reply.kind === 'ended') return reply;
            if (reply.kind === 'wait') {
                expect(reply.until).toBeGreaterThan(this.now);
                this.now = reply.until;
                continue;
            }
            if (reply.kind !== 'work') throw new Error(`this job knows no ${reply.kind}`);
            const workers = Array.from({ length: reply.workers }, (_, slot) => ({
                slot,
                seq: 0,
                report: null as SliceReport | null,
                done: false,
            }));
            while (workers.some((w) => !w.done)) {
                const w = workers[Math.floor(this.dice() * workers.length)]!;
                if (w.done) continue;
                if (++steps === cancelAfter) this.tell({ op: 'control', generation: 1, desired: 'cancel' });
                this.now += Math.floor(this.dice() * 3000);
                // Now and then a worker fails as a whole: its round ends with its lease held.
                if (this.dice() < 0.02) {
                    w.done = true;
                    continue;
                }
                const answer = this.tell({
                    op: 'lease',
                    round: reply.round,
                    worker: `r${reply.round}w${w.slot}`,
                    slot: w.slot,
                    seq: ++w.seq,
                    report: w.report,
                }) as LeaseReply;
                w.report = null;
                this.checkHands();
                if (answer.kind === 'stop') w.done = true;
                if (answer.kind === 'wait') this.now = Math.max(this.now, Math.min(answer.until, this.now + 1000));
                if (answer.kind === 'work') w.report = this.slice(answer.lease);
            }
        }
        throw new Error(`no end after 2,000 rounds: ${JSON.stringify(this.state)}`);
    }

    /** Looked at after every step, and so without a list or an expectation for each partition: those took most of this file's time. */
    checkHands(): void {
        const hands = new Uint8Array(this.partitions);
        let held = 0;
        const hold = (from: number, to: number) => {
            for (let part = from; part < to; part++, held++) hands[part]!++;
        };
        for (const { part } of this.state.delayed) hold(part, part + 1);
        for (const lease of [...Object.values(this.state.leases), ...Object.values(this.state.orphans)]) {
            for (const part of lease.resume) hold(part, part + 1);
            hold(lease.from, lease.to);
        }
        for (const { from, to } of this.state.returned) hold(from, to);
        hold(this.state.next, this.partitions);
        if (hands.some((n) => n > 1) || held + this.state.closed !== this.partitions)
            throw new Error(`${held} in hand, ${this.state.closed} closed: ${JSON.stringify(this.state)}`);
    }
}

/** What a slice says that came through. */
const came = { open: [], unreached: [], failures: [], rate: 1, limit: null, worked: true };

const range = (from: number, to: number) => Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);

const world = fc.record({
    partitions: fc.integer({ min: 1, max: 60 }),
    perPartition: fc.integer({ min: 1, max: 50 }),
    seed: fc.integer(),
    cancelAfter: fc.constantFrom(0, 0, 1, 5, 40),
});

test('whatever dies, repeats or is lost, every item is counted once and the job ends', () => {
    fc.assert(
        fc.property(world, ({ partitions, perPartition, seed, cancelAfter }) => {
            const w = new World(partitions, perPartition, dice(seed));
            const end = w.run(cancelAfter);
            expect(end.kind).toBe('done');
            expect(w.state.closed).toBe(partitions);
            expect(finished(w.state.counts)).toBe(partitions * perPartition);
            expect(w.recorded.every((n) => n === perPartition)).toBe(true);
        }),
        { numRuns: runs(300) },
    );
});

test('the state stays small: no part of it grows with the number of partitions', () => {
    const w = new World(4000, 5000, dice(7));
    let largest = 0;
    const tell = w.tell.bind(w);
    w.tell = (o) => {
        const reply = tell(o);
        largest = Math.max(largest, JSON.stringify(w.state).length);
        return reply;
    };
    expect(w.run(0).kind).toBe('done');
    expect(largest).toBeLessThan(16 * 1024);
});

test('an operation out of place changes nothing and answers with data', () => {
    const fresh = newLedger('job');
    const { state, reply } = reduceLedger(fresh, { op: 'lease', round: 3, worker: 'r3w0', slot: 0, seq: 1, report: null }, 1);
    expect(reply.kind).toBe('stop');
    expect(state).toEqual(fresh);
});

test('two crashes in a row put the lease in isolation, alone', () => {
    const w = new World(10, 10, () => 0.5);
    const settle = w.tell({ op: 'settle' }) as Extract<SettleReply, { kind: 'work' }>;
    const ask = (slot: number, seq: number, report: SliceReport | null) =>
        w.tell({ op: 'lease', round: settle.round, worker: `r${settle.round}w${slot}`, slot, seq, report }) as LeaseReply;
    const lost = (r: LeaseReply): SliceReport => ({ epoch: r.kind === 'work' ? r.lease.epoch : -1, lost: 'crashed', reason: 'exit 137' });
    let a = ask(0, 1, null);
    expect(ask(1, 1, null).kind).toBe('work');
    a = ask(0, 2, lost(a));
    expect(a.kind).toBe('wait');
    w.now += 15_000;
    a = ask(0, 3, null);
    expect(a).toMatchObject({ kind: 'work', lease: { mode: 'normal' } });
    ask(0, 4, lost(a));
    w.now += 15_000;
    expect(ask(0, 5, null)).toMatchObject({ kind: 'wait' }); // the other worker is still at work
    const other = w.state.leases[`r${settle.round}w1`]!;
    const done: SliceReport = {
        epoch: other.epoch,
        closed: other.to - other.from,
        counts: noCounts(),
        untouched: other.to,
        ...came,
    };
    expect(ask(1, 2, done)).toMatchObject({ kind: 'wait' });
    expect(ask(0, 6, null)).toMatchObject({ kind: 'work', lease: { mode: 'isolated' } });
});

test('a job that was cancelled ends so, however often it is settled', () => {
    const w = new World(1, 1, () => 0.5);
    w.tell({ op: 'control', generation: 1, desired: 'cancel' });
    const { round } = w.tell({ op: 'settle' }) as Extract<SettleReply, { kind: 'work' }>;
    const { lease } = w.tell({ op: 'lease', round, worker: 'w', slot: 0, seq: 1, report: null }) as Extract<LeaseReply, { kind: 'work' }>;
    expect(lease.mode).toBe('cancel');
    const report = {
        epoch: lease.epoch,
        closed: 1,
        counts: { ...noCounts(), cancelled: 1 },
        untouched: 1,
        ...came,
    };
    w.tell({ op: 'lease', round, worker: 'w', slot: 0, seq: 2, report });
    expect(w.tell({ op: 'settle' })).toMatchObject({ kind: 'done', as: 'cancelled', error: null });
    expect(w.tell({ op: 'settle' })).toMatchObject({ kind: 'done', as: 'cancelled', error: null });
});

test('a job that lacks outcomes is opened again once, however often it is told; only what lacks is worked again', () => {
    const w = new World(3, 10, () => 0.5);
    const work = () => w.tell({ op: 'settle' }) as Extract<SettleReply, { kind: 'work' }>;
    let { round } = work();
    let seq = 0;
    const finish = (report: SliceReport | null) => w.tell({ op: 'lease', round, worker: 'w', slot: 0, seq: ++seq, report }) as LeaseReply;
    for (let reply = finish(null); reply.kind === 'work';) {
        const { epoch, from, to, resume } = reply.lease;
        const closed = to - from + resume.length;
        reply = finish({ epoch, closed, counts: { ...noCounts(), succeeded: closed * 10 }, untouched: to, ...came });
    }
    expect(w.tell({ op: 'settle' })).toMatchObject({ kind: 'done', as: 'completed' });
    const ranges = [{ from: 1, to: 2 }];
    for (let times = 0; times < 2; times++)
        w.tell({ op: 'reopen', repair: 1, ranges, counts: { ...noCounts(), succeeded: 20 }, closed: 2 });
    expect(w.state).toMatchObject({ state: 'running', closed: 2, counts: { succeeded: 20 }, returned: ranges });
    ({ round } = work());
    seq = 0;
    const again = finish(null) as Extract<LeaseReply, { kind: 'work' }>;
    expect(again.lease).toMatchObject({ resume: [], from: 1, to: 2, mode: 'normal' });
    finish({ epoch: again.lease.epoch, closed: 1, counts: { ...noCounts(), succeeded: 10 }, untouched: again.lease.to, ...came });
    expect(w.tell({ op: 'settle' })).toMatchObject({ kind: 'done', as: 'completed' });
    // What was told late, or of a repair that is over, opens nothing.
    w.tell({ op: 'reopen', repair: 1, ranges, counts: noCounts(), closed: 2 });
    expect(w.state).toMatchObject({ state: 'folding', counts: { succeeded: 30 } });
});

/** A job of so many partitions in the hands of workers that a test speaks for. */
function jobOf(partitions: number, maxConcurrency = 96) {
    const w = new World(partitions, 10, () => 0.5);
    w.state.maxConcurrency = maxConcurrency;
    const settle = () => w.tell({ op: 'settle' }) as SettleReply;
    let { round } = settle() as Extract<SettleReply, { kind: 'work' }>;
    const seqs: number[] = [];
    const ask = (slot: number, report: SliceReport | null = null) =>
        w.tell({ op: 'lease', round, worker: `r${round}w${slot}`, slot, seq: (seqs[slot] = (seqs[slot] ?? 0) + 1), report }) as LeaseReply;
    const leased = (slot: number, report: SliceReport | null = null) => {
        const reply = ask(slot, report);
        if (reply.kind !== 'work') throw new Error(`no lease but ${JSON.stringify(reply)}`);
        return reply.lease;
    };
    const again = () => {
        const reply = settle();
        if (reply.kind === 'work') round = reply.round;
        return reply;
    };
    return { w, ask, leased, settle: again };
}

const counted = (succeeded: number) => ({ ...noCounts(), succeeded });

describe('storage that refuses', () => {
    const trouble = (part: number | null, code: TroubleCode = 'STORAGE_REFUSED') => ({
        trouble: { part, code, message: 'storage answered 403 to GET items.ndjson' },
    });
    /** Lets workers try again, round after round, until the job ends or has been tried so many times; gives the times between two tries. */
    function insist(job: ReturnType<typeof jobOf>, code?: TroubleCode, times = 40, takesMs = 0) {
        const pauses: number[] = [];
        let tried = job.w.now;
        for (let reply = job.ask(0); pauses.length < times;) {
            if (reply.kind === 'stop') {
                const next = job.settle();
                if (next.kind === 'done') return { pauses, end: next };
                if (next.kind === 'wait') job.w.now = next.until;
                reply = job.ask(0);
            } else if (reply.kind === 'wait') {
                job.w.now = reply.until;
                reply = job.ask(0);
            } else {
                pauses.push(job.w.now - tried);
                tried = job.w.now;
                const { epoch, resume, from } = reply.lease;
                job.w.now += takesMs;
                const nothing = { epoch, closed: 0, counts: noCounts(), ...came, unreached: resume, untouched: from, worked: false };
                reply = job.ask(0, { ...nothing, ...trouble(resume[0] ?? from, code) });
            }
        }
        return { pauses, end: null };
    }

    test('and what a newer version has written, is waited for under its own code and never ends the job', () => {
        const job = jobOf(1);
        expect(insist(job, 'NEWER_VERSION').end).toBeNull();
        expect(job.w.state.waiting).toMatchObject({ code: 'VERSION' });
        const other = jobOf(1);
        insist(other, 'STORAGE_AWAY', 3);
        expect(other.w.state.waiting).toMatchObject({ code: 'STORAGE' });
    });

    test('is tried again with growing pauses, named in the status, and ends the job when it goes on', () => {
        const job = jobOf(1);
        const began = job.w.now;
        const { pauses, end } = insist(job);
        expect(pauses.length).toBeGreaterThanOrEqual(6);
        for (let i = 3; i < 6; i++) expect(pauses[i]!).toBeGreaterThan(pauses[i - 1]!);
        const message = expect.stringContaining('403') as string;
        expect(end).toMatchObject({ kind: 'done', as: 'failed', error: { code: 'STORAGE_REFUSED', message } });
        expect(job.w.now - began).toBeLessThan(180_000);
    });

    test('is forgotten when it works again', () => {
        const job = jobOf(1);
        const { epoch } = job.leased(0);
        job.ask(0, { epoch, closed: 0, counts: noCounts(), ...came, untouched: 0, worked: false, ...trouble(0) });
        expect(job.w.state.troubles).toHaveProperty('0');
        job.w.now += 60_000;
        const lease = job.leased(0);
        job.ask(0, { epoch: lease.epoch, closed: 1, counts: counted(10), ...came, untouched: 1 });
        expect(job.w.state.troubles).toEqual({});
    });

    test('holds up only the partition that it refuses', () => {
        const job = jobOf(3);
        const first = job.leased(0);
        expect([first.from, first.to]).toEqual([0, 1]);
        job.ask(0, { epoch: first.epoch, closed: 0, counts: noCounts(), ...came, untouched: 0, worked: false, ...trouble(0) });
        expect(job.leased(1)).toMatchObject({ from: 1, to: 2 });
    });

    test('ends the job as soon when it refuses one partition after the other', () => {
        const job = jobOf(200);
        job.w.state.next = 200;
        job.w.state.delayed = range(0, 200).map((part) => ({ part: part, wakeAt: 0, counts: noCounts() }));
        const began = job.w.now;
        // As long as an append is made again before the slice gives up.
        const { end } = insist(job, undefined, 100, 20_000);
        expect(end).toMatchObject({ kind: 'done', as: 'failed', error: { code: 'STORAGE_REFUSED' } });
        expect(job.w.now - began).toBeLessThan(300_000);
    });

    test('does not end a job whose other partitions get on', () => {
        const job = jobOf(200);
        for (let i = 0; i < 100; i++) {
            const { epoch, from } = job.leased(0);
            const refused = i % 2 === 0;
            const done = refused
                ? { closed: 0, counts: noCounts(), untouched: from }
                : { closed: 1, counts: counted(10), untouched: from + 1 };
            job.ask(0, { epoch, ...came, ...done, worked: !refused, ...(refused ? trouble(from) : {}) });
            job.w.now += 2_000;
        }
        expect(job.w.state.failure).toBeNull();
    });

    test('is one trouble while it is away, not one for each partition', () => {
        const job = jobOf(1_000);
        insist(job, 'STORAGE_AWAY', 200);
        expect(Object.keys(job.w.state.troubles)).toEqual(['job']);
        expect(job.w.state.returned.length).toBeLessThan(10);
    });

    test('is waited for without end when it is away', () => {
        const { end, pauses } = insist(jobOf(1), 'STORAGE_AWAY');
        expect(end).toBeNull();
        expect(Math.max(...pauses)).toBeLessThanOrEqual(31_000);
    });

    test('ends a cancelled job as cancelled, and sooner', () => {
        const job = jobOf(1);
        job.w.tell({ op: 'control', generation: 1, desired: 'cancel' });
        const began = job.w.now;
        expect(insist(job).end).toMatchObject({ kind: 'done', as: 'cancelled', error: { code: 'STORAGE_REFUSED' } });
        expect(job.w.now - began).toBeLessThan(30_000);
    });
});

test('a slice that called and recorded nothing is not followed by another within a second, whatever it says', () => {
    const job = jobOf(1);
    const { epoch } = job.leased(0);
    const idle: SliceReport = {
        epoch,
        closed: 0,
        counts: noCounts(),
        ...came,
        open: [{ part: 0, wakeAt: job.w.now, counts: noCounts() }],
        untouched: 1,
        worked: false,
    };
    const reply = job.ask(0, idle);
    expect(reply).toMatchObject({ kind: 'wait' });
    expect((reply as { until: number }).until).toBeGreaterThanOrEqual(job.w.now + 1000);
    expect(job.w.state.delayed[0]!.wakeAt).toBeGreaterThanOrEqual(job.w.now + 1000);
});

test('partitions to resume are shared among the workers', () => {
    const job = jobOf(12);
    job.w.state.next = 12;
    job.w.state.delayed = range(0, 12).map((part) => ({ part: part, wakeAt: 0, counts: noCounts() }));
    expect([0, 1, 2].map((slot) => job.leased(slot).resume.length)).toEqual([4, 3, 2]);
});

test('a worker without work waits while another holds more than it will soon be done with, and stops when it does not', () => {
    const job = jobOf(4, 64);
    job.w.state.rate = 0.5;
    job.leased(0);
    Object.values(job.w.state.leases)[0]!.to = 4;
    job.w.state.next = 4;
    expect(job.ask(1)).toMatchObject({ kind: 'wait', code: 'WORK' });
    job.w.state.rate = 1000;
    expect(job.ask(1)).toMatchObject({ kind: 'stop' });
});

test('what partitions had counted is kept when they are given back unreached, and when their worker fails', () => {
    const job = jobOf(1);
    job.w.state.next = 1;
    job.w.state.delayed = [{ part: 0, wakeAt: 0, counts: { ...noCounts(), succeeded: 7 } }];
    const { epoch } = job.leased(0);
    job.ask(0, { epoch, closed: 0, counts: noCounts(), ...came, unreached: [0], untouched: 0, worked: false });
    expect(job.w.state.delayed).toEqual([{ part: 0, wakeAt: 0, counts: { ...noCounts(), succeeded: 7 } }]);
    job.w.now += 2000;
    job.leased(0);
    job.settle();
    expect(shown(job.w, []).counts.succeeded).toBe(7);
    // The next worker in its place takes over what it held.
    expect(job.leased(0)).toMatchObject({ resume: [0], first: 2 });
});

test('the siblings of a worker that failed are waited for, but not for ever', () => {
    const job = jobOf(3);
    job.leased(0);
    const broken = () => job.w.tell({ op: 'settle', broken: true }) as SettleReply;
    expect(broken()).toMatchObject({ kind: 'wait', code: 'WORK' });
    job.w.now += 61_000;
    expect(broken()).toMatchObject({ kind: 'work' });
});

test('what a worker has left is waited for by nobody in another place: the round ends, and the next has a worker there', () => {
    const job = jobOf(3, 64);
    const left = job.leased(1);
    const { epoch, from, to } = job.leased(0);
    job.ask(0, { epoch, closed: 1, counts: counted(10), ...came, untouched: to });
    expect([from, to]).toEqual([2, 3]);
    job.settle();
    // The worker in that place ends before it takes over what is left there.
    expect(job.ask(0)).toMatchObject({ kind: 'stop' });
    expect(job.settle()).toMatchObject({ kind: 'work', workers: 2 });
    expect(job.leased(1)).toMatchObject({ from: left.from, to: left.to, first: left.first });
});

test('what a worker has left whose place is in no round any more is taken over in another', () => {
    const job = jobOf(2, 64);
    const left = job.leased(1);
    const { epoch, to } = job.leased(0);
    job.ask(0, { epoch, closed: 1, counts: counted(10), ...came, untouched: to });
    expect(job.settle()).toMatchObject({ kind: 'work', workers: 1 });
    expect(job.leased(0)).toMatchObject({ from: left.from, to: left.to, first: left.first });
});

describe('what is taken back', () => {
    const seen = (generation: number, desired: 'run' | 'pause', concurrency = 64) => ({
        op: 'control' as const,
        generation,
        desired,
        concurrency,
    });
    const nothing = { closed: 0, counts: noCounts(), worked: true };

    test('a pause that sent one worker away and not the other: the round ends, and the next has both again', () => {
        const job = jobOf(20, 64);
        const [first, second] = [job.leased(0), job.leased(1)];
        job.w.tell(seen(1, 'pause'));
        expect(job.ask(1, { ...came, ...nothing, epoch: second.epoch, untouched: second.from })).toMatchObject({ kind: 'stop' });
        job.w.tell(seen(2, 'run'));
        expect(job.ask(0, { ...came, ...nothing, epoch: first.epoch, untouched: first.from })).toMatchObject({ kind: 'stop' });
        expect(job.settle()).toMatchObject({ kind: 'work', workers: 2 });
    });

    test('a hold that was found by an earlier word than the last holds nothing', () => {
        const job = jobOf(4, 32);
        const { epoch, from } = job.leased(0);
        job.w.tell(seen(2, 'run', 32));
        const hold = { code: 'OUTSIDE_WINDOWS' as const, why: 'the next window', until: job.w.now + 3_600_000, generation: 1 };
        expect(job.ask(0, { ...came, ...nothing, epoch, untouched: from, hold })).toMatchObject({ kind: 'work' });
        const again = Object.values(job.w.state.leases)[0]!;
        const report = { ...came, ...nothing, worked: false, epoch: again.epoch, untouched: again.from, hold: { ...hold, generation: 2 } };
        expect(job.ask(0, report)).toMatchObject({ kind: 'stop', why: 'the next window' });
        expect(job.settle()).toMatchObject({ kind: 'wait', code: 'OUTSIDE_WINDOWS', until: hold.until });
        // Somebody opens it.
        job.w.tell(seen(3, 'run', 32));
        expect(job.settle()).toMatchObject({ kind: 'work' });
    });

    test('a hold that is over by the clock of the ledger is followed by no slice at once', () => {
        const job = jobOf(4, 32);
        const { epoch, from } = job.leased(0);
        const hold = { code: 'OUTSIDE_WINDOWS' as const, why: 'the next window', until: job.w.now - 10_000, generation: 0 };
        const reply = job.ask(0, { ...came, ...nothing, worked: false, epoch, untouched: from, hold });
        expect(reply).toMatchObject({ kind: 'wait', until: job.w.now + 1_000 });
    });

    test('crashes of partitions are not forgotten by a slice that did nothing', () => {
        const job = jobOf(4, 32);
        const { epoch, from } = job.leased(0);
        job.w.state.crashed = { [from]: 2 };
        job.ask(0, { ...came, ...nothing, worked: false, epoch, untouched: from });
        expect(job.w.state.crashed).toEqual({ [from]: 2 });
    });
});

test('a worker that works alone and is gone is not waited for for ever', () => {
    const job = jobOf(2, 64);
    const { epoch } = job.leased(0);
    job.w.state.crashed = { 0: 1 };
    job.ask(0, { epoch, lost: 'crashed', reason: 'exit' });
    job.w.now += 20_000;
    expect(job.leased(0).mode).toBe('isolated');
    for (let minutes = 0; minutes <= 30; minutes++, job.w.now += 60_000) expect(job.ask(1)).toMatchObject({ code: 'ISOLATION' });
    expect(job.ask(1)).toMatchObject({ kind: 'stop' });
    job.settle();
    expect(job.leased(0).mode).toBe('isolated');
});

test('a ledger that began anew goes on after the epochs that stand in the outcomes, not one by one', () => {
    const job = jobOf(1);
    const { epoch } = job.leased(0);
    expect(job.ask(0, { epoch, lost: 'superseded', reason: 'taken over under epoch 5000', by: 5_000 })).toMatchObject({ kind: 'wait' });
    job.w.now += 1_000;
    expect(job.leased(0).epoch).toBeGreaterThan(5_000);
});

test('each worker keeps its own adaptive concurrency', () => {
    const job = jobOf(40);
    const [a, b] = [job.leased(0), job.leased(1)];
    const report = (lease: { epoch: number; from: number; to: number }, limit: number): SliceReport => ({
        epoch: lease.epoch,
        closed: lease.to - lease.from,
        counts: counted(10 * (lease.to - lease.from)),
        ...came,
        untouched: lease.to,
        limit,
    });
    expect(job.leased(0, report(a, 5)).startAt).toBe(5);
    expect(job.leased(1, report(b, 17)).startAt).toBe(17);
});

test('a partition keeps its crashes when it changes hands, and is worked in isolation, alone', () => {
    const job = jobOf(2, 32);
    job.w.state.next = 2;
    job.w.state.delayed = [
        { part: 0, wakeAt: 0, counts: noCounts() },
        { part: 1, wakeAt: 0, counts: noCounts() },
    ];
    const lease = job.leased(0);
    expect(lease.resume).toEqual([0, 1]);
    for (let crash = 0; crash < 2; crash++) {
        const epoch = Object.values(job.w.state.leases)[0]!.epoch;
        job.ask(0, { epoch, lost: 'crashed', reason: 'exit' });
        job.w.now += 20_000;
        if (crash === 0) job.leased(0);
    }
    job.settle(); // the worker failed as well: its lease goes back
    expect(job.leased(0)).toMatchObject({ mode: 'isolated', resume: [0, 1] });
});

test('counts do not go down while a slice has opened some of what it resumes: the rest counts as it stood', () => {
    const job = jobOf(4, 32);
    job.w.state.next = 4;
    job.w.state.delayed = range(0, 4).map((part) => ({ part: part, wakeAt: 0, counts: { ...noCounts(), succeeded: 7 } }));
    const { epoch } = job.leased(0);
    const succeeded = (...parts: number[]): number => {
        const slices = [{ ...progressOf('r1w0', epoch), parts: parts.map((n, part) => ({ part, counts: counted(n) })) }];
        return shown(job.w, parts.length > 0 ? slices : []).counts.succeeded;
    };
    expect(succeeded()).toBe(28);
    expect(succeeded(8)).toBe(29);
    expect(succeeded(10, 10, 10, 10)).toBe(40);
});

const progressOf = (worker: string, epoch: number): Aged<SliceProgress> => ({
    ...{ worker, epoch, first: epoch, parts: [], inFlight: 0, rate: 1, at: 'T', age: 0 },
    ...{ calls: noCalls(), before: null },
});

/** The status of a job without a control document. */
const shown = (w: World, slices: Aged<SliceProgress>[]) =>
    statusOf({ ledger: w.state, control: newControl(), progress: { slices, steps: [] }, createdAt: 0, startsAt: 0, now: w.now });
