import * as fc from 'fast-check';
import {
    newLedger,
    reduceLedger,
    type LedgerOperation,
    type LedgerReply,
    type LedgerState,
    type LeaseReply,
    type Parked,
    type SettleReply,
    type SliceReport,
} from '../../src/core/ledger';
import { noCounts, settled } from '../../src/core/outcome';

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
                expect(again.reply).toEqual(reply);
                expect(again.state.counts).toEqual(this.state.counts);
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
        const open: Parked[] = [];
        const counts = noCounts();
        let closed = 0;
        for (const part of parts.slice(0, reach)) {
            const left = this.perPartition - this.recorded[part]!;
            const done = lease.mode === 'cancel' || this.dice() < 0.6 ? left : Math.floor(this.dice() * left);
            this.recorded[part]! += done;
            const all = this.recorded[part]!;
            if (all === this.perPartition) {
                closed++;
                counts.succeeded += all;
            } else open.push([part, this.now + Math.floor(this.dice() * 60_000), all, 0, 0, 0, 0]);
        }
        if (fate > 0.85) return { epoch: lease.epoch, lost: fate > 0.93 ? 'fenced' : 'died', reason: 'dice' };
        for (const part of parts.slice(reach)) if (lease.resume.includes(part)) open.push([part, this.now, 0, 0, 0, 0, 0]);
        const untouched = parts.slice(reach).find((p) => !lease.resume.includes(p)) ?? lease.to;
        return { epoch: lease.epoch, closed, counts, open, untouched, failures: [], rate: 100 * this.dice(), limit: null };
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
            const workers = Array.from({ length: reply.workers }, (_, slot) => ({
                slot,
                seq: 0,
                report: null as SliceReport | null,
                done: false,
            }));
            while (workers.some((w) => !w.done)) {
                const w = workers[Math.floor(this.dice() * workers.length)]!;
                if (w.done) continue;
                if (++steps === cancelAfter) this.tell({ op: 'cancel' });
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

    checkHands(): void {
        const hands = [
            ...this.state.parked.map((p) => p[0]),
            ...Object.values(this.state.leases).flatMap((l) => [...l.resume, ...range(l.from, l.to)]),
            ...this.state.returned.flatMap(([from, to]) => range(from, to)),
            ...range(this.state.next, this.partitions),
        ];
        expect(new Set(hands).size).toBe(hands.length);
        expect(hands.length + this.state.closed).toBe(this.partitions);
    }
}

const range = (from: number, to: number) => Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);

const world = fc.record({
    partitions: fc.integer({ min: 1, max: 60 }),
    perPartition: fc.integer({ min: 1, max: 50 }),
    seed: fc.integer(),
    cancelAfter: fc.constantFrom(0, 0, 1, 5, 40),
});

/** mulberry32: small, and good enough for dice. */
function dice(seed: number): () => number {
    let a = seed >>> 0;
    return () => {
        a = (a + 0x6d2b79f5) >>> 0;
        let t = Math.imul(a ^ (a >>> 15), 1 | a);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

test('whatever dies, repeats or is lost, every item is counted once and the job ends', () => {
    fc.assert(
        fc.property(world, ({ partitions, perPartition, seed, cancelAfter }) => {
            const w = new World(partitions, perPartition, dice(seed));
            const end = w.run(cancelAfter);
            expect(end.kind).toBe('done');
            expect(w.state.closed).toBe(partitions);
            expect(settled(w.state.counts)).toBe(partitions * perPartition);
            expect(w.recorded.every((n) => n === perPartition)).toBe(true);
        }),
        { numRuns: 300 },
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

test('two deaths in a row put the lease in careful hands, alone', () => {
    const w = new World(10, 10, () => 0.5);
    const settle = w.tell({ op: 'settle' }) as Extract<SettleReply, { kind: 'work' }>;
    const ask = (slot: number, seq: number, report: SliceReport | null) =>
        w.tell({ op: 'lease', round: settle.round, worker: `r${settle.round}w${slot}`, slot, seq, report }) as LeaseReply;
    const lost = (r: LeaseReply): SliceReport => ({ epoch: r.kind === 'work' ? r.lease.epoch : -1, lost: 'died', reason: 'exit 137' });
    let a = ask(0, 1, null);
    expect(ask(1, 1, null).kind).toBe('work');
    a = ask(0, 2, lost(a));
    expect(a.kind).toBe('wait');
    w.now += 60_000;
    a = ask(0, 3, null);
    expect(a).toMatchObject({ kind: 'work', lease: { mode: 'normal' } });
    ask(0, 4, lost(a));
    w.now += 60_000;
    expect(ask(0, 5, null)).toMatchObject({ kind: 'wait' }); // the other worker is still at work
    const other = w.state.leases[`r${settle.round}w1`]!;
    const done: SliceReport = {
        epoch: other.epoch,
        closed: other.to - other.from,
        counts: noCounts(),
        open: [],
        untouched: other.to,
        failures: [],
        rate: 1,
        limit: null,
    };
    expect(ask(1, 2, done)).toMatchObject({ kind: 'wait' });
    expect(ask(0, 6, null)).toMatchObject({ kind: 'work', lease: { mode: 'careful' } });
});

test('a job that was cancelled ends so, however often it is settled', () => {
    const w = new World(1, 1, () => 0.5);
    w.tell({ op: 'cancel' });
    const { round } = w.tell({ op: 'settle' }) as Extract<SettleReply, { kind: 'work' }>;
    const { lease } = w.tell({ op: 'lease', round, worker: 'w', slot: 0, seq: 1, report: null }) as Extract<LeaseReply, { kind: 'work' }>;
    expect(lease.mode).toBe('cancel');
    const report = {
        epoch: lease.epoch,
        closed: 1,
        counts: { ...noCounts(), cancelled: 1 },
        open: [],
        untouched: 1,
        failures: [],
        rate: 0,
        limit: null,
    };
    w.tell({ op: 'lease', round, worker: 'w', slot: 0, seq: 2, report });
    expect(w.tell({ op: 'settle' })).toEqual({ kind: 'done', as: 'cancelled' });
    expect(w.tell({ op: 'settle' })).toEqual({ kind: 'done', as: 'cancelled' });
});

test('a job that lacks outcomes is opened again once, however often it is told; only what lacks is worked again', () => {
    const w = new World(3, 10, () => 0.5);
    const work = () => w.tell({ op: 'settle' }) as Extract<SettleReply, { kind: 'work' }>;
    const rest = { open: [], failures: [], rate: 1, limit: null };
    let { round } = work();
    let seq = 0;
    const finish = (report: SliceReport | null) => w.tell({ op: 'lease', round, worker: 'w', slot: 0, seq: ++seq, report }) as LeaseReply;
    for (let reply = finish(null); reply.kind === 'work';) {
        const { epoch, from, to, resume } = reply.lease;
        const closed = to - from + resume.length;
        reply = finish({ epoch, closed, counts: { ...noCounts(), succeeded: closed * 10 }, untouched: to, ...rest });
    }
    expect(w.tell({ op: 'settle' })).toEqual({ kind: 'done', as: 'completed' });
    const lacking: Parked[] = [[1, w.now, 4, 0, 0, 0, 0]];
    for (let times = 0; times < 2; times++)
        w.tell({ op: 'reopen', mend: 1, parts: lacking, counts: { ...noCounts(), succeeded: 20 }, closed: 2 });
    expect(w.state).toMatchObject({ state: 'running', closed: 2, counts: { succeeded: 20 }, parked: lacking });
    ({ round } = work());
    seq = 0;
    const again = finish(null) as Extract<LeaseReply, { kind: 'work' }>;
    expect(again.lease).toMatchObject({ resume: [1], mode: 'normal' });
    expect(again.lease.to).toBe(again.lease.from);
    finish({ epoch: again.lease.epoch, closed: 1, counts: { ...noCounts(), succeeded: 10 }, untouched: again.lease.to, ...rest });
    expect(w.tell({ op: 'settle' })).toEqual({ kind: 'done', as: 'completed' });
    // What was told late, or of a mend that is over, opens nothing.
    w.tell({ op: 'reopen', mend: 1, parts: lacking, counts: noCounts(), closed: 2 });
    expect(w.state).toMatchObject({ state: 'folding', counts: { succeeded: 30 } });
});
