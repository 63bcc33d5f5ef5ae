// Every problem that the API document says an operation can answer with, asked for: of one operation after the other, as the document tells how to ask.
import { apiDocument } from '../support/apiDocument/document';
import { codesOf, plainRequest, type Ask } from '../support/apiDocument/plainRequest';
import { api, useHost } from './support';

useHost();

const json = { 'content-type': 'application/json' };
const part = { 'content-type': 'application/offset+octet-stream' };
const patch = { ...part, 'x-http-method-override': 'PATCH' };
/** Beyond what a small body may have, in bytes, and beyond what a job may. */
const LARGE = 'x'.repeat(64 * 1024 + 1);
const HUGE = 'x'.repeat(16 * 1024 * 1024 + 1);

/** How to be refused so: by the operation, else as `any` of them is. Null: it takes a job or an upload that is there, see below. */
const asks: Record<string, Record<string, Ask | null>> = {
    FOREIGN_ORIGIN: { any: { headers: { origin: 'https://evil.example' } } },
    UNSUPPORTED_MEDIA: {
        any: { headers: { 'content-type': 'text/plain' }, body: 'x' },
        createUpload: { headers: { 'content-encoding': 'gzip' }, body: 'x' },
        overrideUpload: { headers: { ...patch, 'content-type': 'text/plain' }, body: 'x' },
    },
    BAD_JSON: { any: { headers: json, body: '{"reason":\n x' } },
    BAD_BODY: { any: { headers: json, body: '{"more":1}' } },
    BAD_SPEC: { any: { headers: json, body: '{"more":1}' }, retuneJob: null },
    TOO_LARGE: {
        any: { headers: json, body: LARGE },
        startJob: { headers: json, body: HUGE },
        createUpload: { headers: { 'tus-resumable': '1.0.0', 'upload-length': '9'.repeat(15) } },
        appendUpload: null,
        overrideUpload: null,
    },
    BAD_PARAMETER: {
        getJob: { query: '?wait=61' },
        listJobs: { query: '?limit=0' },
        getResults: { query: '?order=other' },
        getTimeline: { query: '?format=other' },
        listLimiters: { query: '?limit=0' },
        getLimiter: { values: { name: 'a b' } },
        setLimiter: { values: { name: 'a b' } },
        startJob: { headers: { ...json, 'idempotency-key': 'a b' } },
    },
    NOT_ACCEPTABLE: { any: { headers: { accept: 'image/png' } } },
    JOB_NOT_FOUND: { any: {} },
    LIMITER_NOT_FOUND: { any: {} },
    UPLOAD_NOT_FOUND: { any: {}, appendUpload: { headers: part, body: 'x' } },
    PRECONDITION_FAILED: { any: { headers: { 'tus-resumable': '0.2.2' } } },
    METHOD_NOT_ALLOWED: { any: { headers: { 'x-http-method-override': 'PUT' } } },
    BAD_UPLOAD: {
        createUpload: { headers: { 'tus-resumable': '1.0.0' } },
        appendUpload: { headers: { ...part, 'upload-offset': '' }, body: 'x' },
        overrideUpload: { headers: { ...patch, 'upload-offset': '' }, body: 'x' },
    },
};

const document = apiDocument();
const refusals = document.operations.flatMap((operation) =>
    codesOf(document, operation).flatMap((code) => {
        const known = asks[code] ?? {};
        const ask = operation.id in known ? known[operation.id] : known.any;
        return ask ? [{ id: operation.id, code, ...plainRequest(operation, ask) }] : [];
    }),
);

test.each(refusals)('$id is answered $code', async ({ code, route, init }) => {
    const answer = await api(route, init);
    expect(await answer.json()).toMatchObject({ code, status: answer.status });
});

describe('an upload in parts', () => {
    const tus = { 'tus-resumable': '1.0.0' };
    const create = async (bytes: number): Promise<string> => {
        const { headers } = await api('/uploads', { method: 'POST', headers: { ...tus, 'upload-length': String(bytes) } });
        return headers.get('location')!.split('/').at(-1)!;
    };

    test.each([
        ['PATCH', {}],
        ['POST', { 'x-http-method-override': 'PATCH' }],
    ])('by %s takes no part that is too long, or begins elsewhere', async (method, more) => {
        const id = await create(3);
        const send = (offset: number, body: string) =>
            api(`/uploads/${id}`, { method, headers: { ...tus, ...part, ...more, 'upload-offset': String(offset) }, body });
        expect(await (await send(0, 'four')).json()).toMatchObject({ code: 'TOO_LARGE' });
        expect(await (await send(1, 'x')).json()).toMatchObject({ code: 'UPLOAD_CONFLICT', offset: 0 });
        expect((await send(0, 'x')).headers.get('upload-offset')).toBe('1');
        await api(`/uploads/${id}`, { method: 'DELETE', headers: tus });
    });

    test('is known by its head, to clients that cannot ask for that too', async () => {
        const headers = { ...tus, 'upload-length': '3', 'upload-metadata': 'filename YS5jc3Y=' };
        const made = await api('/uploads', { method: 'POST', headers });
        const route = made.headers.get('location')!;
        const heads = [
            await api(route, { method: 'HEAD', headers: tus }),
            await api(route, { method: 'POST', headers: { ...tus, 'x-http-method-override': 'HEAD' } }),
        ];
        for (const head of heads) {
            expect(head.status).toBe(200);
            expect(head.headers.get('upload-length')).toBe('3');
            expect(head.headers.get('upload-metadata')).toBe('filename YS5jc3Y=');
        }
        expect(await (await api(route)).json()).toMatchObject({ bytes: 0, length: 3, complete: false, name: 'a.csv' });
        const removed = await api(route, { method: 'POST', headers: { ...tus, 'x-http-method-override': 'DELETE' } });
        expect(removed.status).toBe(204);
    });

    test.each(['/uploads', '/uploads/none'])('what is offered at %s is told', async (route) => {
        const { status, headers } = await api(route, { method: 'OPTIONS' });
        expect(status).toBe(204);
        expect(headers.get('tus-extension')).toBe('creation,termination');
    });
});

test('HEAD of an upload that is not there, or of another protocol, has a status alone', async () => {
    expect((await api('/uploads/none', { method: 'HEAD', headers: { 'tus-resumable': '1.0.0' } })).status).toBe(404);
    expect((await api('/uploads/none', { method: 'HEAD', headers: { 'tus-resumable': '0.2.2' } })).status).toBe(412);
});
