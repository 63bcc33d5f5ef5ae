// Reads the source once: checks every row, writes the items as one blob, cuts partitions. plan.json is the commit point: it is created, never
// overwritten, and names the items that belong to it. Trouble with storage is returned, not thrown: what is thrown is the end of the process.
import { consoleLog, type Log } from '../log';
import { randomUUID } from 'node:crypto';
import { partitionsOf } from '../core/canary';
import { durationMs } from '../core/duration';
import type { PlannedCanary } from '../core/ledger';
import { deadlineOf, limitsOf, startsAt } from '../core/control';
import { wrongInSourceName } from '../core/blobName';
import { capSettings } from '../core/caps';
import type { JobCode } from '../core/codes';
import { failure } from '../core/errors';
import { exactValue } from '../json/exactJson';
import type { PlanReply } from '../core/plan';
import { formatOf, type Format, type StoredFile, type StoredSpec } from '../contracts/jobSpec';
import { wrongKey } from '../items/wrongKey';
import { compileExpression } from '../expressions/jmespath';
import { VariableCheck } from '../processors/templateVariables';
import { Rest } from '../turns';
import { readRows, type ReadOptions } from '../sources/open';
import { readSettings } from '../settings';
import { isItem, SourceError, type Row } from '../sources/row';
import { ItemsWriter } from '../storage/itemsWriter';
import type { Plan, StoredJob } from '../contracts/documents';
import { blobs } from '../contracts/names';
import { isStatus, storedJob, type JobStore } from '../storage/jobStore';
import { missing, STEP_PATIENCE_MS } from '../storage/trouble';
import { readUpload } from '../storage/uploads';
import { systemClock } from './processSlice/clock';
import { watchControl, type Watch } from './processSlice/controlWatch';
import { writeStepProgress } from './processSlice/progress';
import { expire } from './expireJob';

/** Bad rows that are listed; all are counted. */
const LISTED = 10_000;
/** With `onInvalid: reject`, reading stops after so many: the source is wrong, and the first thousand say how. */
const ENOUGH = 1_000;
const refused = (code: JobCode, message: string, invalid = 0): PlanReply => ({ ok: false, error: { ...failure(code, message), invalid } });

/** Attempts beyond which items × attempts of a partition would come near what its outcomes can hold in few segments. */
const MAX_LINES = 100_000;

const changed = refused(
    'SOURCE_CHANGED',
    'the source is not what it was when the job was posted: it was replaced or written to. Post the job again to read what stands there now',
);

export async function planJob({ jobId }: { jobId: string }, store: JobStore, log = consoleLog): Promise<PlanReply> {
    const own = log.about({ job: jobId });
    const began = systemClock.now();
    own.info('planning began');
    const reply = await plan(jobId, store, own).catch(async (error: unknown): Promise<PlanReply> => {
        return { ok: false, trouble: await store.diagnose(error) };
    });
    const ms = systemClock.now() - began;
    if (reply.ok) own.info('planning ended', { items: reply.total, invalid: reply.invalid, partitions: reply.partitions, ms });
    else if (reply.trouble) own.warn('planning ended', { why: reply.trouble.code, message: reply.trouble.message, ms });
    else if (reply.startAt !== undefined) own.info('planning is not yet due', { startAt: new Date(reply.startAt).toISOString() });
    // Not the message: it may hold a piece of a row.
    else own.info('planning ended', { why: reply.error.code, invalid: reply.error.invalid, ms });
    return reply;
}

async function plan(jobId: string, store: JobStore, log: Log): Promise<PlanReply> {
    const job = await storedJob(store, jobId);
    const control = watchControl(store, jobId, systemClock, log);
    try {
        return await planUnless(job, store, log, control);
    } finally {
        control.stop();
    }
}

/** Plans the job, unless it is not to begin yet, or is not wanted any more. */
async function planUnless(job: StoredJob, store: JobStore, log: Log, control: Watch): Promise<PlanReply> {
    const { id: jobId, spec } = job;
    const [done] = await Promise.all([store.readPlan(jobId), control.first]);
    if (done) return planned(done, job, control);
    const isUnwanted = (): boolean =>
        control.seen().desired === 'cancel' || (deadlineOf(job, control.seen()) ?? Infinity) <= systemClock.now();
    if (isUnwanted()) return await unwanted(job, store, control);
    if (startsAt(job) > systemClock.now()) return { ok: false, startAt: startsAt(job) };

    const source = await openSource(spec, jobId, store);
    if ('ok' in source) return source;
    const perPartition = Math.min(spec.partition.items, Math.floor(MAX_LINES / spec.retry.attempts));
    const writer = new ItemsWriter(store, blobs.items(jobId, randomUUID()), perPartition, spec.canary?.items);
    const bad = new BadRows();
    const variables = 'http' in spec.process ? new VariableCheck(spec.process.http) : null;
    const endProgress = writeStepProgress(store, jobId, log, () => ({ step: 'plan', done: writer.total, of: null }));
    try {
        await read(source, spec, writer, bad, variables, isUnwanted);
        if (bad.count > 0) await bad.write(store, jobId);
        const problem = isUnwanted() ? await unwanted(job, store, control) : verdict(spec, writer, bad, variables);
        if (problem) {
            await writer.discard();
            return problem;
        }
        await writer.commit();
        const own = {
            jobId,
            items: writer.name,
            total: writer.total,
            invalid: bad.count,
            partitions: writer.partitions,
            createdAt: new Date().toISOString(),
        };
        const stands = await store.createPlan(own);
        // Another run of this activity was first: its plan holds. Only then are these items nobody's.
        if (stands.items !== own.items) await writer.discard();
        return planned(stands, job, control);
    } catch (error) {
        const replaced = isStatus(error, 412) && (await isReplaced(spec, store));
        if (!replaced && !(error instanceof SourceError)) throw error;
        await bad.write(store, jobId);
        await writer.discard();
        return replaced ? changed : refused((error as SourceError).code, (error as SourceError).message, bad.count);
    } finally {
        endProgress();
    }
}

/** Why a job is not planned to its end that is not wanted any more: what its control document says then. */
async function unwanted(job: StoredJob, store: JobStore, control: Watch): Promise<PlanReply> {
    const wanted = control.seen().desired === 'cancel' ? control.seen() : await expire(store, job, systemClock.now());
    // The deadline was put off in the same moment.
    if (wanted.desired !== 'cancel') return { ok: false, startAt: systemClock.now() };
    return wanted.ending === 'expired'
        ? refused('EXPIRED', 'the deadline of the job came before its source was read to its end')
        : refused('CANCELLED', 'the job was cancelled before its source was read to its end');
}

function planned(plan: Plan, job: StoredJob, control: Watch): PlanReply {
    const { concurrency, budget } = limitsOf(job.spec, control.seen());
    return {
        ok: true,
        total: plan.total,
        invalid: plan.invalid,
        partitions: plan.partitions.length,
        concurrency: concurrency.max,
        deadline: deadlineOf(job, control.seen()),
        ...canaryOf(job.spec, plan),
        ...(budget ? { budget } : {}),
    };
}

/** The items that run first and alone, by whole partitions: the plan is cut behind them. */
function canaryOf({ canary }: StoredSpec, { partitions, total }: Plan): { canary?: PlannedCanary } {
    if (!canary) return {};
    const items = Math.min(canary.items, total);
    return { canary: { items, partitions: partitionsOf(partitions, items), timeoutMs: durationMs(canary.timeout) } };
}

function verdict(spec: StoredSpec, writer: ItemsWriter, bad: BadRows, variables: VariableCheck | null): PlanReply | null {
    const rejects = bad.count > 0 && spec.onInvalid === 'reject';
    // Where reading ended at bad rows, what comes behind them may have the variable.
    const seen = variables && (variables.done || !rejects || bad.count < ENOUGH);
    if (seen && variables.problem) return refused('VARIABLE_UNKNOWN', variables.problem, bad.count);
    if (rejects) {
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
    options: ReadOptions;
}

const fileOf = (source: StoredFile): string => ('blob' in source ? source.blob : blobs.upload(source.upload));

/** Whether another version of the source stands there than the job was posted with. A refusal to read it may pass, and says less. */
async function isReplaced({ source }: StoredSpec, store: JobStore): Promise<boolean> {
    if ('inline' in source || source.etag === undefined) return false;
    const now = await store.etagOf(fileOf(source));
    return now !== null && now !== source.etag;
}

async function openSource({ source }: StoredSpec, jobId: string, store: JobStore): Promise<Source | PlanReply> {
    if ('inline' in source) {
        const name = blobs.source(jobId);
        const chunks = await store.openBlob(name, { patienceMs: STEP_PATIENCE_MS });
        if (!chunks) throw missing(name);
        return { chunks, format: 'ndjson', options: { isOurs: true } };
    }
    // Checked when the job was posted, by that deployment: this one may allow less.
    const wrong = 'blob' in source ? wrongInSourceName(source.blob, readSettings().sourcePrefixes) : null;
    if (wrong !== null) return refused('SOURCE_NOT_ALLOWED', `the blob cannot be a source: ${wrong}`);
    const blob = fileOf(source);
    const chunks = await store.openBlob(blob, { ifMatch: source.etag, patienceMs: STEP_PATIENCE_MS });
    if (!chunks)
        return refused(
            'SOURCE_NOT_FOUND',
            'blob' in source
                ? `there is no blob "${source.blob}" in container "${store.containerName}"`
                : `there is no upload ${source.upload}`,
        );
    const name = 'blob' in source ? source.blob : await nameOfUpload(store, source.upload);
    const format = formatOf(source.format, name);
    return format
        ? { chunks, format, options: { csv: source.csv } }
        : refused('FORMAT_UNKNOWN', `"${name ?? blob}" does not tell its format; set source.format to csv, ndjson or json`);
}

/** The name that the upload was given. Its content has just been opened, so it is there. */
async function nameOfUpload(store: JobStore, id: string): Promise<string | undefined> {
    const upload = await readUpload(store, id);
    if (!upload) throw missing(blobs.upload(id));
    return upload.name;
}

async function read(
    source: Source,
    spec: StoredSpec,
    writer: ItemsWriter,
    bad: BadRows,
    variables: VariableCheck | null,
    isUnwanted: () => boolean,
): Promise<void> {
    const key = spec.key === undefined ? null : compileExpression(spec.key);
    const most = readSettings().caps.items;
    const rest = new Rest();
    for await (const rows of readRows(source.chunks, source.format, source.options)) {
        for (const row of rows) {
            const wrong = key && isItem(row) ? wrongKey(key, exactValue(row)) : null;
            if (!isItem(row)) bad.add(row);
            else if (wrong !== null) bad.add({ line: row.line, ...wrong });
            else {
                if (variables?.done === false) variables.see(exactValue(row));
                writer.add(row.json);
            }
            if (writer.total > most) throw new SourceError('TOO_MANY_ITEMS', tooMany(most));
            if (spec.onInvalid === 'reject' && bad.count >= ENOUGH) return;
            // Expressions that cost much must not keep this process from everything else that it does.
            if ((key || variables?.done === false) && rest.isDue) await rest.take();
        }
        if (isUnwanted() || (variables?.done && variables.problem)) return;
        await writer.relieve();
    }
}

const tooMany = (most: number): string =>
    `the source has more than ${most} items (app setting ${capSettings.items.name}); cut it into several jobs, or have the setting raised`;

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
        await store.writeInvalid(jobId, text);
    }
}
