// Isolation: something in these partitions ends the process. Attempts are announced in the outcomes before they are made, a few at a time and nothing
// else of the lease in flight, so that the next run finds the culprits in what was announced and never ended, and narrows them down.
import { failure } from '../../core/errors';
import { companyLine, intentLine } from '../../items/outcomeLines';
import type { Clock } from './clock';
import type { PartitionRun } from './partitionWriter';
import { groupSize, suspicion, type Pair } from '../../core/poison';

/** A suspect has the process to itself for so long; then others may go on, and its death does not count against it. */
export const ALONE_MS = 15_000;
/** Doubled with each time that this was too short, up to this. */
const MAX_ALONE_MS = 600_000;

/** The process to oneself, until `release`. */
export interface Alone {
    release(): void;
}

export interface IsolationOptions {
    epoch: number;
    /** Attempts that are announced together where nothing is suspected. */
    group: number;
    clock: Clock;
    /** Makes one attempt; resolves when what became of it is taken to be recorded. */
    call: (run: PartitionRun, pair: Pair) => Promise<void>;
    giveUp: (run: PartitionRun, pair: Pair, strikes: number) => void;
    /** Waits until nothing else runs in this process; null when that cannot be had. */
    alone: () => Promise<Alone | null>;
    stop: () => boolean;
}

export const poisonError = (strikes: number) =>
    failure(
        'POISON',
        `Processing this item ended the worker process each time (out of memory, process.exit or a crash), ${strikes} times with nothing else running in it; it was given up.`,
    );

/** Works one partition in isolation: suspects first, then attempts that are due, then fresh items. Stops early when `stop` says so. */
export async function isolate(run: PartitionRun, o: IsolationOptions): Promise<void> {
    const found = suspicion(run.intents, run.hasEnded);
    if (found.kind === 'poison') {
        o.giveUp(run, found.pair, found.strikes);
        await run.flush();
    }
    if (found.kind === 'suspects') {
        const size = groupSize(found.pairs.length);
        for (let at = 0; at < found.pairs.length && !o.stop(); at += size) {
            const group = found.pairs.slice(at, at + size);
            if (group.length === 1) await accuse(run, group[0]!, found.joined, o);
            else await announceAndCall(run, group, false, o);
        }
    }
    while (!o.stop()) {
        const group = nextGroup(run, o);
        if (group.length === 0) return;
        await announceAndCall(run, group, false, o);
    }
}

/** Attempts that are due, then items that nobody has tried. */
function nextGroup(run: PartitionRun, o: IsolationOptions): Pair[] {
    const now = o.clock.now();
    const group: Pair[] = [];
    for (const [index, { attempts, due }] of run.waiting) {
        if (group.length === o.group) return group;
        if (due <= now) group.push({ index, attempt: attempts + 1 });
    }
    for (let index = group.length < o.group ? run.nextFresh() : null; index !== null; index = run.nextFresh()) {
        group.push({ index, attempt: 1 });
        if (group.length === o.group) break;
    }
    return group;
}

/** One attempt, with the process to itself if that can be had: only then does a death count against it. */
async function accuse(run: PartitionRun, pair: Pair, joined: number, o: IsolationOptions): Promise<void> {
    const alone = await o.alone();
    let released = alone === null;
    const release = () => {
        if (!released) alone!.release();
        released = true;
    };
    const lettingIn: Promise<void>[] = [];
    const cancel = alone
        ? o.clock.after(Math.min(MAX_ALONE_MS, ALONE_MS * 2 ** joined), () => {
              run.record({ text: companyLine({ company: o.epoch }) });
              // Only when the line is on storage: a death a moment later must not count.
              lettingIn.push(run.flush().then(release, release));
          })
        : () => undefined;
    try {
        await announceAndCall(run, [pair], alone !== null, o);
    } finally {
        cancel();
        await Promise.all(lettingIn);
        release();
    }
}

async function announceAndCall(run: PartitionRun, pairs: Pair[], alone: boolean, o: IsolationOptions): Promise<void> {
    const text = intentLine({
        trying: pairs.map((p) => p.index),
        attempts: pairs.map((p) => p.attempt),
        epoch: o.epoch,
        ...(alone ? { alone } : {}),
    });
    run.record({ text });
    await run.flush();
    for (const { index } of pairs) run.begin(index);
    await Promise.all(pairs.map((pair) => o.call(run, pair)));
    await run.flush();
}
