// A job that the version before has begun, finished by this one; and its documents, as they stand after its end.
import { quiet } from '../support/log';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { startTarget, type Target } from '../../samples/target';
import { foldJob } from '../../src/activities/foldJob';
import { occupancy } from '../../src/activities/occupancy';
import { systemClock } from '../../src/activities/processSlice/clock';
import { processSlice } from '../../src/activities/processSlice/processSlice';
import { ledgerDocument } from '../../src/contracts/ledger';
import { reduceLedger, type SliceReport } from '../../src/core/ledger';
import { readIndex } from '../../src/storage/jobIndex';
import type { JobStore } from '../../src/storage/jobStore';
import { linesOf, outcomeHead } from '../../src/storage/lineReader';
import { startStore } from '../support/blobStorage';

interface Stored {
    id: string;
    ledger: unknown;
    halfWay: Record<string, StoredBlob>;
    later: Record<string, StoredBlob>;
}
interface StoredBlob {
    text: string;
    metadata?: Record<string, string>;
    append?: boolean;
}

const { id, ledger, halfWay, later } = JSON.parse(readFileSync(path.resolve(__dirname, '../fixtures/stored/0.1.0.json'), 'utf8')) as Stored;

let store: JobStore;
let stop: () => Promise<void>;
let target: Target;
beforeAll(async () => {
    ({ store, stop } = await startStore());
    target = await startTarget({ latencyMs: 1 });
});
afterAll(async () => {
    await target?.stop();
    await stop?.();
});

/** The job called a target of its own, which is gone. */
const withTarget = (text: string): string => text.replace(/http:\/\/127\.0\.0\.1:\d+\/x/, `${target.url}/x`);

async function put(blobs: Record<string, StoredBlob>): Promise<void> {
    for (const [name, { text, metadata = {}, append }] of Object.entries(blobs)) {
        const bytes = Buffer.from(withTarget(text));
        if (append) {
            const blob = store.container.getAppendBlobClient(name);
            await blob.create();
            await blob.appendBlock(bytes, bytes.length);
        } else await store.container.getBlockBlobClient(name).upload(bytes, bytes.length, { metadata });
    }
}

test('a job of the version before is finished: every item has one outcome, and only what waited is called', async () => {
    await put(halfWay);
    let state = ledgerDocument.read(ledger);
    expect(state.delayed).toHaveLength(3);
    const recorded = state.delayed.reduce((sum, { counts }) => sum + counts.succeeded, 0);
    const tell = <Op extends Parameters<typeof reduceLedger>[1]>(operation: Op) => {
        const next = reduceLedger(state, operation, Date.now());
        // What one operation leaves is what the next one finds in storage.
        state = ledgerDocument.read(JSON.parse(JSON.stringify(ledgerDocument.write(next.state))));
        return next.reply;
    };
    let next = tell({ op: 'settle' });
    for (; next.kind === 'work' && 'round' in next; next = tell({ op: 'settle' })) {
        const { round } = next;
        const worker = `r${round}w0`;
        let report: SliceReport | null = null;
        for (let seq = 1; ; seq++) {
            const reply = tell({ op: 'lease', round, worker, slot: 0, seq, report });
            if (reply.kind !== 'work' || !('lease' in reply)) break;
            const surroundings = {
                clock: systemClock,
                chance: () => 0,
                newRunId: randomUUID,
                log: quiet,
                enter: () => occupancy.enter(),
                atTarget: () => null,
                processId: 'this process',
            };
            report = await processSlice({ jobId: id, worker, lease: reply.lease }, store, surroundings);
        }
    }
    expect(next).toMatchObject({ kind: 'done', as: 'completed', total: 60 });
    expect(await foldJob({ jobId: id, as: 'completed', startedAt: null }, store)).toEqual({ kind: 'ended', state: 'completed' });
    expect(await store.readSummary(id)).toMatchObject({ outcome: 'succeeded', total: 60, counts: { succeeded: 60 } });
    expect(target.stats().requests).toBe(60 - recorded);
    const seen: number[] = [];
    for (const part of await store.listOutcomes(id))
        for await (const { lines } of linesOf(store.readOutcomes(part)))
            for (const line of lines) {
                const head = outcomeHead(line);
                if (head) seen.push(head.index);
            }
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, i) => i));
});

test('what a cancel and the end have added is understood', async () => {
    for (const name of Object.keys(later)) await store.container.getBlobClient(name).deleteIfExists();
    await put(later);
    expect(await store.readControl(id)).toMatchObject({ generation: 1, desired: 'cancel', ending: 'cancelled' });
    expect(await store.readSummary(id)).toMatchObject({ state: 'cancelled', total: 60 });
    expect((await store.readManifest(id))!.parts).toHaveLength(3);
    const listed = [];
    for await (const group of readIndex(store, {}, { after: -Infinity, before: Infinity })) listed.push(...group.map((g) => g.entry));
    expect(listed).toMatchObject([{ id, name: 'half way', tags: { of: 'an earlier version' } }]);
});
