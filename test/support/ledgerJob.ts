// A job as its ledger sees it, whose workers come one after the other and say what the test wants.
import { noCounts } from '../../src/core/counts';
import {
    newLedger,
    reduceLedger,
    type Hold,
    type Lease,
    type LeaseReply,
    type LedgerOperation,
    type LedgerReplies,
    type OperationOf,
    type Planned,
    type SettleReply,
    type SliceDone,
} from '../../src/core/ledger';

/** What a slice says that has done nothing. */
export const nothing = { closed: 0, counts: noCounts(), open: [], unreached: [], failures: [], rate: 1, limit: null };

export class LedgerJob {
    state = newLedger('job');
    now = 1_000_000;
    private round = 0;
    private seq = 0;

    constructor(maxConcurrency: number, partitions = 1_000, planned: Partial<Planned> = {}) {
        this.tell({ op: 'open', jobId: 'job', total: partitions * 100, invalid: 0, partitions, maxConcurrency, ...planned });
    }

    tell<Op extends LedgerOperation['op']>(operation: OperationOf<Op>): LedgerReplies[Op] {
        const { state, reply } = reduceLedger(this.state, operation, this.now);
        this.state = state;
        return reply;
    }

    settle(): SettleReply {
        const reply = this.tell({ op: 'settle' });
        if (reply.kind === 'work') this.round = reply.round;
        return reply;
    }

    /** Workers of the next round. */
    workers(): number {
        const reply = this.settle();
        if (reply.kind !== 'work') throw new Error(`no round but ${JSON.stringify(reply)}`);
        return reply.workers;
    }

    ask(slot: number, report: SliceDone | null = null): LeaseReply {
        return this.tell({ op: 'lease', round: this.round, worker: `r${this.round}w${slot}`, slot, seq: ++this.seq, report });
    }

    leased(slot: number): Lease {
        const reply = this.ask(slot);
        if (reply.kind !== 'work') throw new Error(`no lease but ${JSON.stringify(reply)}`);
        return reply.lease;
    }

    /** The slice of that lease comes back with this, having opened nothing unless it says so. */
    back(slot: number, { epoch, from, resume }: Lease, said: Partial<SliceDone>): LeaseReply {
        return this.ask(slot, { ...nothing, epoch, untouched: from, unreached: resume, worked: false, ...said });
    }

    /** A worker gets a lease, and its slice comes back with this. */
    slice(slot: number, said: Partial<SliceDone>): LeaseReply {
        return this.back(slot, this.leased(slot), said);
    }

    hold(code: Hold['code'], forMs: number): Hold {
        return { code, why: 'HTTP 503', until: this.now + forMs, generation: 0 };
    }

    get told(): string[] {
        const { first, last } = this.state.timeline;
        return [...first, ...last].flatMap((event) =>
            event.kind === 'held' || event.kind === 'released' ? [`${event.kind} ${event.code}`] : [],
        );
    }
}
