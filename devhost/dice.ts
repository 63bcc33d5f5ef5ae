/** The n-th throw (from 1) of mulberry32 with that seed, uniform in [0, 1): small, and the same everywhere. */
export function nthThrow(seed: number, n: number): number {
    const a = (seed + Math.imul(n, 0x6d2b79f5)) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
