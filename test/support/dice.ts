import { nthThrow } from '../../devhost/dice';

/** Throws one after the other, uniform in [0, 1), the same for the same seed: a run can be repeated. */
export function dice(seed: number): () => number {
    let n = 0;
    return () => nthThrow(seed, ++n);
}
