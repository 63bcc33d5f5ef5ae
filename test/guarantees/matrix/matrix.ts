// The fault matrix: every request to storage that a small job makes, under every fault, each in a job of its own, side by side in one host.
import { setTimeout as sleep } from 'node:timers/promises';
import { FAULTS, isForGood, type Cell, type Fault } from './faults';
import { Play, type Result, type Stage } from './play';
import { VARIANTS, type Variant } from './variants';

/** One play to come: without a cell it is a bystander, that nothing strikes and that must complete. */
export interface Part {
    variant: Variant;
    cell: Cell | null;
}

/** Undisturbed jobs of each variant that are learned from: how often a request comes depends a little on time. */
const LESSONS = 3;
/** Plays of a cell whose request has not come, each slower than the one before. */
const TRIES = 4;
/** Jobs at work at the same time, unless told otherwise: what a job takes is to be its own affair, not that of the machine. */
const AT_WORK = 8;
/** One part in so many is a bystander. */
const BYSTANDER_EVERY = 12;

/** For the local host's own tables: faults that go away, at the first, a middle and the last of each kind of request. */
const TABLE_FAULTS = FAULTS.filter((fault) => !isForGood(fault));

/** What undisturbed jobs ask of storage: by variant, the kinds of requests in the order in which they first come, and how many of each. */
export async function learn(stage: Stage, variants: Variant[] = VARIANTS, lessons = LESSONS): Promise<Map<Variant, Map<string, number>>> {
    const learned = new Map<Variant, Map<string, number>>();
    const lesson = async (variant: Variant) => {
        const play = new Play(stage, variant, null);
        const { wrong } = await play.run();
        if (wrong.length > 0) throw new Error(`an undisturbed job (${variant.name}) went wrong: ${wrong.join('; ')}`);
        const most = learned.get(variant) ?? new Map<string, number>();
        for (const [request, times] of play.strand.seen) most.set(request, Math.max(times, most.get(request) ?? 0));
        learned.set(variant, most);
    };
    for (let i = 0; i < lessons; i++) await Promise.all(variants.map(lesson));
    return learned;
}

/** Every cell of the matrix. */
export const cellsOf = (learned: Map<Variant, Map<string, number>>): Part[] =>
    [...learned].flatMap(([variant, requests]) =>
        [...requests].flatMap(([request, times]) => {
            if (variant.strikes && !variant.strikes.test(request)) return [];
            const table = request.startsWith('table ') || request.endsWith(' largemessage');
            const all = Array.from({ length: times }, (_, i) => i + 1);
            const struck = table ? [...new Set([1, Math.ceil(times / 2), times])] : all;
            return struck.flatMap((nth) => (table ? TABLE_FAULTS : FAULTS).map((fault) => ({ variant, cell: { request, nth, fault } })));
        }),
    );

/** Puts bystanders between the parts; those that take longest come first, so that they do not run alone in the end. */
export function staged(parts: Part[]): Part[] {
    const last = (fault: Fault | undefined) =>
        fault === undefined ? 1 : isForGood(fault) ? 3 : ['never', 'held', 'late'].includes(fault) ? 2 : 1;
    const ordered = [...parts].sort((a, b) => last(b.cell?.fault) - last(a.cell?.fault));
    return ordered.flatMap((part, i) => (i % BYSTANDER_EVERY === 0 ? [{ ...part, cell: null }, part] : [part]));
}

/**
 * Plays the parts and calls back with each result. At most `atOnce` side by side, and no more than `atWork` of them at work: others wait for what does
 * not come. A part whose request does not come is played again, more slowly. After `until` (ms) none is begun.
 */
export async function playAll(
    stage: Stage,
    parts: Part[],
    atOnce: number,
    told: (result: Result) => void,
    until = Infinity,
    atWork = AT_WORK,
): Promise<void> {
    const waiting = parts.values();
    const playing = new Set<Play>();
    let door: Promise<unknown> = Promise.resolve();
    const play = async (variant: Variant, cell: Cell | null, slower: number): Promise<Result> => {
        // One after the other through the door, which opens while few enough are at work.
        const entered = door.then(async () => {
            while ([...playing].filter((p) => p.busy).length >= atWork) await sleep(50);
            const one = new Play(stage, variant, cell, slower);
            playing.add(one);
            return one;
        });
        door = entered;
        const one = await entered;
        return one.run().finally(() => playing.delete(one));
    };
    const player = async () => {
        for (const { variant, cell } of waiting) {
            if (Date.now() > until) return;
            let result = await play(variant, cell, 1);
            for (let tries = 2; cell && result.struck === 0 && result.wrong.length === 0 && tries <= TRIES; tries++)
                result = await play(variant, cell, tries);
            told(result);
        }
    };
    await Promise.all(Array.from({ length: atOnce }, player));
}

export const nameOf = ({ variant, cell }: { variant: string; cell: Cell | null }): string =>
    `${variant}: ${cell ? `${cell.request} #${cell.nth}, ${cell.fault}` : 'bystander'}`;
