// Careful mode: something in these partitions ends the process. Items are announced in the outcomes blob before they are called, a few
// at a time and nothing else in flight, so that the next run finds the culprits in what was announced and never settled, and narrows them down.
import { failure } from '../../core/errors';
import { tryingLine } from '../../core/outcome';
import type { PartitionRun } from './partitionRun';

/** An item that was announced alone this often, and each time the process died, is given up. */
export const STRIKES = 2;
const NARROWING = 8;

export type Suspicion = { kind: 'none' } | { kind: 'poison'; index: number; strikes: number } | { kind: 'suspects'; indexes: number[] };

/** What earlier careful runs tell of a partition: `tried` are the announced sets, oldest first, without the items that answered. */
export function suspicion(tried: number[][], isRecorded: (index: number) => boolean): Suspicion {
    const open = tried.map((set) => set.filter((i) => !isRecorded(i))).filter((set) => set.length > 0);
    const last = open.at(-1);
    if (!last) return { kind: 'none' };
    if (last.length > 1) return { kind: 'suspects', indexes: last };
    const index = last[0]!;
    const strikes = open.filter((set) => set.length === 1 && set[0] === index).length;
    return strikes >= STRIKES ? { kind: 'poison', index, strikes } : { kind: 'suspects', indexes: [index] };
}

/** How many items are announced at once, with so many suspects. */
export const chunkSize = (suspects: number): number => Math.max(1, Math.ceil(suspects / NARROWING));

export const poisonError = (strikes: number) =>
    failure(
        'POISON',
        `Processing this item ended the worker process each time (out of memory, process.exit or a crash), ${strikes} times with nothing else in flight; it was given up.`,
    );

export interface CarefulOptions {
    /** Calls the items, and resolves when each has an outcome or a failed attempt recorded in the run's buffer. */
    callAll: (run: PartitionRun, indexes: number[]) => Promise<void>;
    giveUp: (run: PartitionRun, index: number, strikes: number) => void;
    epoch: number;
    chunk: number;
    stop: () => boolean;
}

/** Works one partition carefully; stops early when `stop` says so. */
export async function workCarefully(run: PartitionRun, o: CarefulOptions): Promise<void> {
    const found = suspicion(run.tried, run.isRecorded);
    if (found.kind === 'poison') {
        o.giveUp(run, found.index, found.strikes);
        await run.flush();
    }
    if (found.kind === 'suspects') {
        const size = chunkSize(found.indexes.length);
        for (let at = 0; at < found.indexes.length && !o.stop(); at += size)
            await announceAndCall(run, found.indexes.slice(at, at + size), o);
    }
    while (!o.stop()) {
        const indexes: number[] = [];
        for (let index = run.nextFresh(); index !== null; index = run.nextFresh()) {
            indexes.push(index);
            if (indexes.length === o.chunk) break;
        }
        if (indexes.length === 0) return;
        await announceAndCall(run, indexes, o);
    }
}

async function announceAndCall(run: PartitionRun, indexes: number[], o: CarefulOptions): Promise<void> {
    run.record({ text: tryingLine({ trying: indexes, epoch: o.epoch }) });
    await run.flush();
    await o.callAll(run, indexes);
    await run.flush();
}
