// Requests that are refused, of every operation that refuses so.
import type { ProblemCode } from '../src/core/codes';
import { allOperations } from '../src/api/openapi/document';
import type { Recorder, Sent } from './recorder';

const tus = { 'tus-resumable': '1.0.0' };
const part = { ...tus, 'upload-offset': '0', 'content-type': 'application/offset+octet-stream' };

/** What an operation needs to be no problem but for the one that is provoked. */
const sound: Record<string, Sent> = {
    startJob: { body: { source: { items: [1] }, process: { processor: 'digest' } } },
    retuneJob: { headers: { 'content-type': 'application/merge-patch+json' }, body: { concurrency: { max: 8 } } },
    setLimiter: { path: { name: 'api.example.com' }, body: { rate: '50/s' } },
    createUpload: { body: 'id\n1\n' },
    headUpload: { headers: tus },
    appendUpload: { headers: part, body: 'id\n1\n' },
    deleteUpload: { headers: tus },
    overrideUpload: { headers: { ...part, 'x-http-method-override': 'PATCH' }, body: 'id\n1\n' },
};

/** How each problem is met; by operation where that differs. */
const provoked: { [Code in ProblemCode]?: Sent | Record<string, Sent> } = {
    JOB_NOT_FOUND: { path: { id: 'none', index: '0' } },
    UPLOAD_NOT_FOUND: { path: { id: 'none' } },
    LIMITER_NOT_FOUND: { path: { name: 'unknown.example.com' } },
    FOREIGN_ORIGIN: { headers: { origin: 'https://elsewhere.example.com' } },
    NOT_ACCEPTABLE: { headers: { accept: 'image/png' } },
    PRECONDITION_FAILED: { headers: { 'tus-resumable': '0.2.2' } },
    METHOD_NOT_ALLOWED: { headers: { 'x-http-method-override': 'PUT' } },
    BAD_JSON: { headers: { 'content-type': 'application/json' }, body: '{"name": ' },
    BAD_BODY: { of: { body: { reasons: 'unknown' } }, setLimiter: { body: { rate: 'often' } } },
    BAD_SPEC: { startJob: { body: { source: { items: [1] }, retires: 3 } } },
    BAD_PARAMETER: {
        startJob: { headers: { 'idempotency-key': 'k'.repeat(256) } },
        getJob: { query: 'wait=61' },
        of: { query: 'format=xml' },
        listJobs: { query: 'limit=0' },
        listLimiters: { query: 'limit=0' },
        getLimiter: { path: { name: 'two words' } },
        setLimiter: { path: { name: 'two words' } },
    },
    BAD_UPLOAD: { createUpload: { body: '' }, of: { headers: { 'upload-offset': 'first' } } },
    UNSUPPORTED_MEDIA: {
        of: { headers: { 'content-type': 'text/plain' }, body: 'a text' },
        createUpload: { headers: { 'content-type': 'multipart/form-data; boundary=x' } },
    },
    TOO_LARGE: {
        of: { headers: { 'content-type': 'application/json' }, body: `{"reason": "${'x'.repeat(65_536)}"}` },
        startJob: { headers: { 'content-type': 'application/json' }, body: ' '.repeat(16 * 1_048_576 + 1) },
        createUpload: { headers: { ...tus, 'upload-length': '999999999999999' }, body: '' },
        appendUpload: { body: 'id\n1\n2\n3\n' },
        overrideUpload: { body: 'id\n1\n2\n3\n' },
    },
};

/** Those that need a job or an upload in some state are provoked where there is one. */
const elsewhere = new Set<ProblemCode>(['ILLEGAL_MOVE', 'ITEM_NOT_FOUND', 'NOT_READY', 'UPLOAD_CONFLICT', 'IDEMPOTENCY_CONFLICT']);
/** Nobody can bring them about at will: a fault here, storage that is away, a request that is still at work, a version that is deployed. */
const rare = new Set<ProblemCode>(['INTERNAL', 'STORAGE_UNAVAILABLE', 'NEWER_VERSION', 'IDEMPOTENCY_IN_PROGRESS']);
/** A host that asks for no keys, and takes all that is sent here, never answers so. */
const ofSettings = new Set<ProblemCode>(['KEY_REQUIRED', 'LEVEL_TOO_LOW', 'TOO_MANY_ITEMS', 'TOO_MANY_JOBS', 'TOO_MANY_UPLOADS']);

export const isProvoked = (code: ProblemCode): boolean => !rare.has(code) && !ofSettings.has(code);

const isSent = (how: Sent | Record<string, Sent>): how is Sent => ['path', 'query', 'headers', 'body'].some((field) => field in how);

/** Has every operation refuse a request in each way that it can be made to. `upload`: one that is there, to send a part of. */
export async function provokeAll(recorder: Recorder, { upload }: { upload: string }): Promise<void> {
    for (const { id, operation } of allOperations())
        for (const code of operation.codes.filter((code) => isProvoked(code) && !elsewhere.has(code))) {
            const how = provoked[code]!;
            const wrong = isSent(how) ? how : (how[id] ?? how.of);
            if (!wrong) continue;
            const good = sound[id] ?? {};
            const sent = { path: { id: operation.tag === 'Uploads' ? upload : 'none', index: '0' }, ...good, ...wrong };
            const answer = await recorder.ask(id, { ...sent, headers: { ...good.headers, ...wrong.headers } });
            // A HEAD has no body that could say which it is.
            if (!operation.isHead && answer.code !== code)
                throw new Error(`${id} answered ${answer.status} ${answer.code}, not ${code}: ${answer.text}`);
        }
}
