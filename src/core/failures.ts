// The most frequent kinds of failure, with one sample each.

export interface FailureGroup {
    code: string;
    count: number;
    sample: { index: number; key: string | number | null; message: string };
}

export const MAX_GROUPS = 10;

/** Adds two lists of groups by code; the most frequent first, the rest dropped. */
export function mergeFailures(a: FailureGroup[], b: FailureGroup[]): FailureGroup[] {
    const byCode = new Map(a.map((g) => [g.code, { ...g }]));
    for (const group of b) {
        const known = byCode.get(group.code);
        if (known) known.count += group.count;
        else byCode.set(group.code, { ...group });
    }
    return [...byCode.values()].sort((x, y) => y.count - x.count).slice(0, MAX_GROUPS);
}
