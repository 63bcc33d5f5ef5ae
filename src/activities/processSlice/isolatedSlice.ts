// The mode of isolation: something in these partitions ends the process. Attempts are announced in the outcomes before they are made, a few at
// a time and nothing else of the lease in flight, so that the next run finds the culprits in what was announced and never ended, and narrows
// them down.
import { failure } from '../../core/errors';
import { groupSize, suspicion, type Pair } from '../../core/poison';
import { reach } from '../../crashPoints';
import { companyLine, intentLine } from '../../items/outcomeLines';
import { parseExact } from '../../json/exactJson';
import { pause } from './clock';
import type { PartitionWriter } from './partitionWriter';
import type { SliceEnd, SliceWork } from './sliceWork';

/** A suspect has the process to itself for so long; then others may go on, and its death does not count against it. */
export const ALONE_MS = 15_000;
/** Doubled with each time that this was too short, up to this. */
const MAX_ALONE_MS = 600_000;

/**
 * What kills was in flight when the process died, so it is among the first attempts that are not recorded: those made, and those answered whose lines
 * were not yet written. Beyond them there is no need for isolation.
 */
const ISOLATED_CALLS = 512;

export const poisonError = (strikes: number) =>
    failure(
        'POISON',
        `Processing this item ended the worker process each time (out of memory, process.exit or a crash), ${strikes} times with nothing else running in it; it was given up.`,
    );

/** Works the partitions of a lease in isolation, one after the other, until nothing is to be suspected any more. */
export async function workIsolated(work: SliceWork): Promise<SliceEnd> {
    for (;;) {
        const end = endOf(work);
        if (end) return end;
        const partition = await work.partitions.openNext({ withItems: true });
        if (!partition) return { why: 'done' };
        await isolate(partition, work);
    }
}

/** How the slice ends, when no further attempts are announced; null while they are. */
function endOf({ stop, calls, lease, clock, until, admission }: SliceWork): SliceEnd | null {
    const now = clock.now();
    if (stop.asked) return { why: stop.asked };
    if (calls.made >= ISOLATED_CALLS + lease.concurrency) return { why: 'done' };
    if (now >= until) return { why: 'time' };
    const hold = admission.holdsOff(now);
    return hold && { why: 'held', hold };
}

/** Works one partition: suspects first, then attempts that are due, then fresh items. */
async function isolate(partition: PartitionWriter, work: SliceWork): Promise<void> {
    const found = suspicion(partition.intents, partition.hasEnded);
    if (found.kind === 'poison') {
        giveUp(partition, found.pair, found.strikes, work);
        await partition.flush();
    }
    if (found.kind === 'suspects') {
        const size = groupSize(found.pairs.length);
        const suspects = attemptsOf(found.pairs);
        while (!endOf(work)) {
            const group = await nextGroup(suspects, size, work);
            if (group.length === 0) break;
            if (group.length === 1) await accuse(partition, group[0]!, found.joined, work);
            else await announceAndCall(partition, group, false, work);
        }
    }
    while (!endOf(work)) {
        const group = await nextGroup(attemptsLeft(partition, work.clock.now()), work.lease.concurrency, work);
        if (group.length === 0) return;
        await announceAndCall(partition, group, false, work);
    }
}

/** Attempts to be made, one after the other. */
interface Attempts {
    isEmpty(): boolean;
    take(): Pair;
}

function attemptsOf(pairs: Pair[]): Attempts {
    let at = 0;
    return { isEmpty: () => at === pairs.length, take: () => pairs[at++]! };
}

/** Retries that are due, then items that nobody has tried. */
function attemptsLeft(partition: PartitionWriter, now: number): Attempts {
    const due = attemptsOf(
        [...partition.waiting].filter(([, w]) => w.due <= now).map(([index, { attempts }]) => ({ index, attempt: attempts + 1 })),
    );
    return {
        isEmpty: () => due.isEmpty() && !partition.hasFresh(),
        take: () => (due.isEmpty() ? { index: partition.takeFresh(), attempt: 1 } : due.take()),
    };
}

/** The next attempts, at most so many, as far as they are admitted; the first is waited for. None: nothing is left, or nothing is admitted in time. */
async function nextGroup(attempts: Attempts, most: number, work: SliceWork): Promise<Pair[]> {
    const { admission, clock } = work;
    const group: Pair[] = [];
    while (group.length < most && !attempts.isEmpty()) {
        const now = clock.now();
        const verdict = admission.ask(now);
        if (verdict === 'admitted') {
            group.push(attempts.take());
            continue;
        }
        if (group.length > 0 || verdict.askAgainAt === null || verdict.askAgainAt > work.until) break;
        await pause(clock, Math.max(1, verdict.askAgainAt - now));
        // Asked to stop meanwhile: nothing is announced any more.
        if (endOf(work)) break;
    }
    return group;
}

function giveUp(partition: PartitionWriter, { index, attempt }: Pair, strikes: number, { job, calls, clock }: SliceWork): void {
    const key = job.keyOf(parseExact(partition.text(index)), index);
    const told = { at: new Date(clock.now()).toISOString(), ms: 0 };
    calls.giveUp({ partition, index, key, attempt: attempt - 1 + strikes }, poisonError(strikes), told);
}

/** Gives the place back of a call that was admitted and is not made. */
const notMade = ({ admission, clock }: SliceWork): void => admission.notMade(clock.now());

/** One attempt, with the process to itself if that can be had: only then does a death count against it. */
async function accuse(partition: PartitionWriter, pair: Pair, joined: number, work: SliceWork): Promise<void> {
    const { clock, lease, occupant } = work;
    const alone = await occupant.alone();
    // That may have taken a while: what is wanted may be another thing now.
    if (endOf(work)) {
        notMade(work);
        alone?.release();
        return;
    }
    let released = alone === null;
    const release = () => {
        if (!released) alone!.release();
        released = true;
    };
    const lettingIn: Promise<void>[] = [];
    const cancel = alone
        ? clock.after(Math.min(MAX_ALONE_MS, ALONE_MS * 2 ** joined), () => {
              partition.record({ text: companyLine({ company: lease.epoch }) });
              // Only when the line is on storage: a death a moment later must not count.
              lettingIn.push(partition.flush().then(release, release));
          })
        : () => undefined;
    try {
        await announceAndCall(partition, [pair], alone !== null, work);
    } finally {
        cancel();
        await Promise.all(lettingIn);
        release();
    }
}

/** Writes the intent record, then makes the attempts, then records what they came to. */
async function announceAndCall(partition: PartitionWriter, pairs: Pair[], alone: boolean, work: SliceWork): Promise<void> {
    const { lease, calls } = work;
    const text = intentLine({
        trying: pairs.map((p) => p.index),
        attempts: pairs.map((p) => p.attempt),
        epoch: lease.epoch,
        ...(alone ? { alone } : {}),
    });
    partition.record({ text });
    try {
        await partition.flush();
    } catch (error) {
        // They were admitted, and are not made.
        pairs.forEach(() => notMade(work));
        throw error;
    }
    if (endOf(work)) {
        // Announced, and not made: no death may count against them for that.
        pairs.forEach(() => notMade(work));
        partition.record({ text: companyLine({ company: lease.epoch }) });
        return partition.flush();
    }
    reach('isolation.announced');
    for (const { index } of pairs) partition.begin(index);
    await Promise.all(pairs.map(({ index, attempt }) => calls.call(partition, index, attempt)));
    // Every attempt that was announced has its end on storage, also one that does not count.
    calls.decide(work.clock.now(), work.admission.lastWord(partition.hasFresh()));
    partition.recordHeld();
    await partition.flush();
}
