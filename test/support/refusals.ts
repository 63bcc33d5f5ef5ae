// What a job gets out of a target that refuses calls: how much of what could have been accepted was, and how many calls were refused.
import type { Target } from '../../samples/target';

export interface Refusals {
    /** Accepted ÷ what a perfect client would have got accepted. */
    used: number;
    /** Calls refused ÷ calls. */
    refused: number;
    calls: number;
}

/** Of the calls that came in this time, in ms; of a target that records its calls. */
export function refusals(target: Target, from: number, to: number): Refusals {
    const calls = target.stats().calls.filter(({ at, status }) => at >= from && at < to && status !== null);
    const refused = calls.filter(({ status }) => status === 429).length;
    const accepted = calls.filter(({ status }) => status === 200).length;
    return { used: accepted / target.capacity(from, to), refused: calls.length === 0 ? 0 : refused / calls.length, calls: calls.length };
}
