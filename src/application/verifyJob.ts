// Reads every part of an ended job again and proves that each item has exactly one outcome.
import type { FindingCode } from '../core/codes';
import { problem } from '../core/errors';
import { addCounts, noCounts, finished, type Counts } from '../core/counts';
import type { Manifest, ManifestPart } from '../contracts/documents';
import type { JobStore } from '../storage/jobStore';
import { chunks } from '../storage/lineReader';
import { OutcomesTally } from '../storage/outcomesTally';
import { isStatus } from '../storage/trouble';
import { requireJob } from './readJob';

/** Problems that are listed; all are counted. */
const LISTED = 100;
const PARTS_AT_ONCE = 4;

export interface Verdict {
    ok: boolean;
    total: number;
    counts: Counts;
    parts: number;
    problems: { code: FindingCode; message: string; part?: number; index?: number }[];
    problemCount: number;
    /** Items that the job says itself it could not record anything of; absent where there are none. */
    unrecorded?: number;
}

/** @throws Problem JOB_NOT_FOUND, or NOT_READY while there is no manifest */
export async function verifyJob(store: JobStore, jobId: string): Promise<Verdict> {
    await requireJob(store, jobId);
    const manifest = await store.readManifest(jobId);
    if (!manifest) throw problem('NOT_READY', { detail: 'The job has no manifest yet; it is written when the job is folded.' });
    const [verdict, summary] = await Promise.all([verify(store, manifest), store.readSummary(jobId)]);
    const unrecorded = summary?.counts.unrecorded ?? 0;
    return unrecorded > 0 ? { ...verdict, unrecorded } : verdict;
}

async function verify(store: JobStore, manifest: Manifest): Promise<Verdict> {
    const problems: Verdict['problems'] = [];
    let problemCount = 0;
    const report = (found: Verdict['problems'][number]) => {
        problemCount++;
        if (problems.length < LISTED) problems.push(found);
    };
    // One bit an item: ten million items are 1.25 MB.
    const seen = new Uint8Array(Math.ceil(manifest.total / 8));
    const see = (index: number, part: number) => {
        if (index >= manifest.total)
            return report({ code: 'UNKNOWN_INDEX', message: `item ${index} is not one of the job's ${manifest.total}`, part, index });
        const bit = 1 << (index & 7);
        if (seen[index >> 3]! & bit) return report({ code: 'DUPLICATE', message: `item ${index} has a second outcome`, part, index });
        seen[index >> 3]! |= bit;
    };

    let counts = noCounts();
    const waiting = manifest.parts.values();
    const reader = async () => {
        for (const part of waiting) {
            const found = await verifyPart(store, part, see, report);
            // Not in one expression with the await: it would add to the counts as they were before it, beside the other readers.
            counts = addCounts(counts, found);
        }
    };
    await Promise.all(Array.from({ length: PARTS_AT_ONCE }, reader));

    for (let index = 0; index < manifest.total; index++) {
        if (!(seen[index >> 3]! & (1 << (index & 7)))) report({ code: 'MISSING', message: `item ${index} has no outcome`, index });
    }
    if (!sameCounts(counts, manifest.counts))
        report({ code: 'COUNTS', message: 'the counts of all parts together are not those of the manifest' });
    if (finished(counts) !== manifest.total)
        report({
            code: 'CONSERVATION',
            message: `succeeded + failed + skipped + cancelled + expired = ${finished(counts)}, not ${manifest.total}`,
        });
    return { ok: problemCount === 0, total: manifest.total, counts, parts: manifest.parts.length, problems, problemCount };
}

async function verifyPart(
    store: JobStore,
    part: ManifestPart,
    see: (index: number, part: number) => void,
    report: (p: Verdict['problems'][number]) => void,
): Promise<Counts> {
    const tally = new OutcomesTally(false);
    const { counts } = tally;
    try {
        const segments = await Promise.all((part.segments ?? [part.name]).map(async (name) => ({ name, bytes: await store.sizeOf(name) })));
        const to = segments.reduce((sum, segment) => sum + segment.bytes, 0);
        await tally.read(chunks(store, { segments, from: 0, to }), (head) => see(head.index, part.part));
    } catch (error) {
        if (!isStatus(error, 404)) throw error;
        report({ code: 'PART_MISSING', message: `${part.name} is gone`, part: part.part });
        return counts;
    }
    if (tally.torn) report({ code: 'TORN_LINE', message: 'the last line is not complete', part: part.part });
    if (tally.bytes !== part.bytes)
        report({ code: 'BYTES', message: `${tally.bytes} bytes, not ${part.bytes} as in the manifest`, part: part.part });
    if (tally.sha256() !== part.sha256) report({ code: 'SHA256', message: 'the SHA-256 is not that of the manifest', part: part.part });
    if (tally.outcomes !== part.items)
        report({ code: 'ITEMS', message: `${tally.outcomes} outcomes, not ${part.items} as in the manifest`, part: part.part });
    if (!sameCounts(counts, part.counts)) report({ code: 'COUNTS', message: 'the counts are not those of the manifest', part: part.part });
    return counts;
}

const sameCounts = (a: Counts, b: Counts): boolean => (Object.keys(noCounts()) as (keyof Counts)[]).every((k) => a[k] === b[k]);
