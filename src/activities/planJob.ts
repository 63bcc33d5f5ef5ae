// Reads the source once: checks every row, writes the items as one blob, cuts partitions. plan.json is the commit point.
import { randomUUID } from 'node:crypto';
import { compile, TreeInterpreter, type JSONValue } from '@jmespath-community/jmespath';
import { failure } from '../core/errors';
import type { PlanReply } from '../core/plan';
import { formatOf, type Format, type StoredSpec } from '../core/spec';
import { readRows } from '../sources/open';
import { isItem, SourceError, type Row } from '../sources/types';
import { ItemsWriter } from '../storage/items';
import { names, type JobStore } from '../storage/jobStore';
import { readUpload } from '../storage/uploads';
import { watchControl } from './slice/job';

/** Bad rows that are listed; all are counted. */
const LISTED = 10_000;
/** With `onInvalid: reject`, reading stops after so many: the source is wrong, and the first thousand say how. */
const ENOUGH = 1_000;

const refused = (code: string, message: string, invalid = 0): PlanReply => ({ ok: false, error: { ...failure(code, message), invalid } });

export async function planJob({ jobId }: { jobId: string }, store: JobStore): Promise<PlanReply> {
    const job = await store.readJob(jobId);
    if (!job) return refused('SPEC_MISSING', `the spec of job ${jobId} is gone`);
    const { spec } = job;
    const done = await store.readPlan(jobId);
    if (done)
        return {
            ok: true,
            total: done.total,
            invalid: done.invalid,
            partitions: done.partitions.length,
            concurrency: spec.concurrency.max,
        };

    const source = await openSource(spec, jobId, store);
    if ('ok' in source) return source;
    const writer = new ItemsWriter(store, names.items(jobId, randomUUID().slice(0, 8)), spec.partition.items);
    const bad = new BadRows();
    const control = watchControl(store, jobId, () => undefined);
    try {
        await read(source, spec, writer, bad, control.cancelled);
    } catch (error) {
        if (!(error instanceof SourceError)) throw error;
        await bad.write(store, jobId);
        await writer.discard();
        return refused(error.code, error.message, bad.count);
    } finally {
        control.stop();
    }
    if (bad.count > 0) await bad.write(store, jobId);
    const problem = control.cancelled()
        ? refused('CANCELLED', 'the job was cancelled while its source was read')
        : verdict(spec, writer, bad);
    if (problem) {
        await writer.discard();
        return problem;
    }
    await writer.commit();
    const plan = {
        jobId,
        items: writer.name,
        total: writer.total,
        invalid: bad.count,
        partitions: writer.partitions,
        createdAt: new Date().toISOString(),
    };
    if (!(await store.createPlan(plan))) {
        // Another run of this activity was first; its plan holds, and its items go with it.
        await writer.discard();
        return planJob({ jobId }, store);
    }
    return { ok: true, total: plan.total, invalid: plan.invalid, partitions: plan.partitions.length, concurrency: spec.concurrency.max };
}

function verdict(spec: StoredSpec, writer: ItemsWriter, bad: BadRows): PlanReply | null {
    if (bad.count > 0 && spec.onInvalid === 'reject') {
        const first = bad.rows[0]!;
        const many = bad.count >= ENOUGH ? `${bad.count} or more rows are` : bad.count === 1 ? '1 row is' : `${bad.count} rows are`;
        return refused(
            'SOURCE_INVALID',
            `${many} no items; the first: line ${first.line}, ${first.code}, ${first.message}. All are listed at /invalid. Correct them, or post with "onInvalid": "skip".`,
            bad.count,
        );
    }
    if (writer.total === 0)
        return refused('SOURCE_EMPTY', bad.count > 0 ? 'the source has no valid item' : 'the source has no items', bad.count);
    return null;
}

interface Source {
    chunks: AsyncIterable<Buffer>;
    format: Format;
}

async function openSource({ source }: StoredSpec, jobId: string, store: JobStore): Promise<Source | PlanReply> {
    if ('inline' in source) {
        const chunks = await store.openBlob(names.source(jobId));
        return chunks ? { chunks, format: 'ndjson' } : refused('SOURCE_NOT_FOUND', 'the inline items are gone');
    }
    const blob = 'blob' in source ? source.blob : names.upload(source.upload);
    const chunks = await store.openBlob(blob);
    if (!chunks)
        return refused(
            'SOURCE_NOT_FOUND',
            'blob' in source
                ? `there is no blob "${source.blob}" in container "${store.container.containerName}"`
                : `there is no upload ${source.upload}`,
        );
    const name = 'blob' in source ? source.blob : (await readUpload(store, source.upload))?.name;
    const format = formatOf(source.format, name);
    if (!format) chunks.destroy(); // unread, its connection would stay open
    return format
        ? { chunks, format }
        : refused('FORMAT_UNKNOWN', `"${name ?? blob}" does not tell its format; set source.format to csv, ndjson or json`);
}

async function read(source: Source, spec: StoredSpec, writer: ItemsWriter, bad: BadRows, cancelled: () => boolean): Promise<void> {
    const checkKey = keyCheck(spec.key);
    for await (const rows of readRows(source.chunks, source.format)) {
        for (const row of rows) {
            if (!isItem(row)) bad.add(row);
            else if (!checkKey(row.value))
                bad.add({ line: row.line, code: 'KEY_MISSING', message: `no string or number at "${spec.key}"` });
            else writer.add(row.json);
            if (spec.onInvalid === 'reject' && bad.count >= ENOUGH) return;
        }
        if (cancelled()) return;
        await writer.relieve();
    }
}

function keyCheck(expression: string | undefined): (item: unknown) => boolean {
    if (expression === undefined) return () => true;
    const ast = compile(expression);
    return (item) => {
        let key: unknown;
        try {
            key = TreeInterpreter.search(ast, item as JSONValue);
        } catch {
            return false; // a function that does not take what this item holds: the item has no key
        }
        return (typeof key === 'string' && key !== '' && key.length <= 1024) || typeof key === 'number';
    };
}

type BadRow = Exclude<Row, { json: string }>;

class BadRows {
    count = 0;
    readonly rows: BadRow[] = [];
    add(row: BadRow): void {
        this.count++;
        if (this.rows.length < LISTED) this.rows.push(row);
    }
    async write(store: JobStore, jobId: string): Promise<void> {
        const text = this.rows.map((r) => JSON.stringify({ line: r.line, code: r.code, message: r.message }) + '\n').join('');
        await store.container
            .getBlockBlobClient(names.invalid(jobId))
            .upload(text, Buffer.byteLength(text), { blobHTTPHeaders: { blobContentType: 'application/x-ndjson' } });
    }
}
