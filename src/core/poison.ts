// Which item ends the process: what isolation has announced in the outcomes before it called, and never saw the end of.

/** An attempt at an item: one may answer at its first and kill at its second. */
export interface Pair {
    index: number;
    attempt: number;
}

/** A set of attempts that was announced, and whether nothing else ran in the process until the end. */
export interface Intent {
    pairs: Pair[];
    alone: boolean;
    /** It was alone at first and took longer than it could be. */
    joined?: boolean;
}

/** An attempt that was announced by itself, with the process to itself, this often, and each time the process died, is given up. */
export const STRIKES = 2;
const NARROWING = 8;

export type Suspicion =
    | { kind: 'none' }
    /** `strikes`: deaths that can be laid to this attempt; `joined`: how often its time alone was too short. */
    | { kind: 'suspects'; pairs: Pair[]; joined: number }
    | { kind: 'poison'; pair: Pair; strikes: number };

/**
 * What earlier runs in isolation tell of a partition. A death counts against an attempt only if nothing else ran in that process: another job's
 * item may have been what killed it.
 */
export function suspicion(intents: Intent[], hasEnded: (index: number, attempt: number) => boolean): Suspicion {
    const open = intents
        .map(({ pairs, alone, joined }) => ({
            pairs: pairs.filter((p) => !hasEnded(p.index, p.attempt)),
            alone: alone && pairs.length === 1,
            joined: joined === true,
        }))
        .filter(({ pairs }) => pairs.length > 0);
    const last = open.at(-1)?.pairs;
    if (!last) return { kind: 'none' };
    const [pair] = last;
    if (!pair || last.length > 1) return { kind: 'suspects', pairs: last, joined: 0 };
    const own = open.filter(({ pairs }) => pairs.length === 1 && pairs[0]!.index === pair.index && pairs[0]!.attempt === pair.attempt);
    const strikes = own.filter(({ alone }) => alone).length;
    return strikes >= STRIKES
        ? { kind: 'poison', pair, strikes }
        : { kind: 'suspects', pairs: [pair], joined: own.filter(({ joined }) => joined).length };
}

/** How many attempts are announced at once, with so many suspects. */
export const groupSize = (suspects: number): number => Math.max(1, Math.ceil(suspects / NARROWING));
