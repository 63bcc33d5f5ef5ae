// Resumable uploads: the tus 1.0.0 protocol (https://tus.io/protocols/resumable-upload), core with the extensions creation and termination.
// docs/uploads.md says why it stands here and is not a library.
import type { HttpRequest, HttpResponseInit } from '@azure/functions';
import { problem, type ProblemDetails } from '../../core/errors';
import { appendPart, createParts, deleteUpload, MAX_UPLOAD, readUpload, type Upload } from '../../storage/uploads';
import { idOf, rootOf, type Handler, type RouteContext } from '../http/frame';
import { fileName } from './uploads';

const VERSION = '1.0.0';
const tusHeaders = { 'tus-resumable': VERSION, 'cache-control': 'no-store' };

export const isTus = (request: { headers: { get(name: string): string | null } }): boolean => request.headers.get('tus-resumable') !== null;

function checkVersion(request: HttpRequest): void {
    const version = request.headers.get('tus-resumable');
    if (version !== VERSION)
        throw problem('PRECONDITION_FAILED', {
            detail: `Tus-Resumable is ${version ?? 'missing'}.`,
            headers: { 'tus-version': VERSION, ...tusHeaders },
        });
}

const bad = (detail: string, extra: ProblemDetails = {}) => problem('BAD_UPLOAD', { detail, headers: tusHeaders, ...extra });

/** What a client may ask for and this server does not do: refused before a byte is sent in vain. */
function checkExtensions({ headers }: HttpRequest): void {
    if (headers.has('upload-concat'))
        throw bad(
            'Upload-Concat is not supported: send the file as one upload, one part after the other (in tus-js-client: parallelUploads 1).',
        );
    if (headers.has('upload-checksum') || /\bupload-checksum\b/i.test(headers.get('trailer') ?? ''))
        throw bad('Upload-Checksum is not supported, whatever its algorithm: send the part without it.');
    if (headers.has('upload-defer-length')) throw bad('Upload-Defer-Length is not supported: say the length with Upload-Length.');
}

/** A number of bytes from a header; null when it is absent or none. */
function bytesOf(request: HttpRequest, name: string): number | null {
    const text = request.headers.get(name);
    return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

export async function createTusUpload(request: HttpRequest, { store: open }: RouteContext): Promise<HttpResponseInit> {
    checkVersion(request);
    checkExtensions(request);
    const length = bytesOf(request, 'upload-length');
    if (length === null) throw bad('Upload-Length is missing or not a number of bytes.');
    if (length === 0) throw bad('The file is empty.');
    if (length > MAX_UPLOAD)
        throw problem('TOO_LARGE', {
            detail: `At most ${MAX_UPLOAD} bytes.`,
            headers: { ...tusHeaders, 'tus-max-size': String(MAX_UPLOAD) },
        });
    const metadata = request.headers.get('upload-metadata') ?? undefined;
    if (metadata && metadata.length > 4096) throw bad('Upload-Metadata is longer than 4096 characters.');
    const id = await createParts(
        await open(),
        length,
        fileName(parseMetadata(metadata).get('filename') ?? request.query.get('name')),
        metadata,
    );
    return { status: 201, headers: { ...tusHeaders, location: `${rootOf(request)}/uploads/${id}` } };
}

/** `key base64,key base64`: the value may be left out. */
export function parseMetadata(header: string | undefined): Map<string, string> {
    const entries = new Map<string, string>();
    for (const entry of (header ?? '').split(',').filter((e) => e.trim() !== '')) {
        const [key = '', value = '', ...more] = entry.trim().split(' ');
        if (!key || more.length > 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(value))
            throw bad(`Upload-Metadata: "${entry.trim().slice(0, 60)}" is not "key base64".`);
        entries.set(key, Buffer.from(value, 'base64').toString('utf8'));
    }
    return entries;
}

async function requirePartial(request: HttpRequest, { store: open }: RouteContext): Promise<Upload> {
    const id = idOf(request, 'UPLOAD_NOT_FOUND');
    const upload = await readUpload(await open(), id);
    if (!upload) throw problem('UPLOAD_NOT_FOUND', { detail: `There is no upload "${id}".`, headers: tusHeaders });
    return upload;
}

const head: Handler = async (request, context) => {
    checkVersion(request);
    const upload = await requirePartial(request, context);
    return {
        status: 200,
        headers: {
            ...tusHeaders,
            'upload-offset': String(upload.bytes),
            'upload-length': String(upload.length ?? upload.bytes),
            ...(upload.tusMetadata ? { 'upload-metadata': upload.tusMetadata } : {}),
        },
    };
};

const patch: Handler = async (request, context) => {
    checkVersion(request);
    checkExtensions(request);
    const type = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
    if (type !== 'application/offset+octet-stream')
        throw problem('UNSUPPORTED_MEDIA', { detail: 'A part is sent as application/offset+octet-stream.', headers: tusHeaders });
    const offset = bytesOf(request, 'upload-offset');
    if (offset === null) throw bad('Upload-Offset is missing or not a number of bytes.');
    const upload = await requirePartial(request, context);
    const moved = (at: number) =>
        problem('UPLOAD_CONFLICT', {
            detail: `The upload stands at ${at}, not at ${offset}.`,
            offset: at,
            headers: { ...tusHeaders, 'upload-offset': String(at) },
        });
    if (offset !== upload.bytes) throw moved(upload.bytes);
    const announced = bytesOf(request, 'content-length') ?? 0;
    const tooLong = () =>
        problem('TOO_LARGE', {
            detail: `The part goes beyond the Upload-Length of ${upload.length ?? upload.bytes}.`,
            headers: tusHeaders,
        });
    if (offset + announced > (upload.length ?? upload.bytes)) throw tooLong();
    // Not cancelled when it is left early: that would close the connection under the answer.
    const body = (request.body?.values({ preventCancel: true }) ?? []) as AsyncIterable<Uint8Array>;
    const store = await context.store();
    const result = await appendPart(store, upload, offset, body);
    if (result.kind === 'tooLong') throw tooLong();
    if (result.kind === 'moved') throw moved((await readUpload(store, upload.id))?.bytes ?? 0);
    return { status: 204, headers: { ...tusHeaders, 'upload-offset': String(result.offset) } };
};

const remove: Handler = async (request, context) => {
    checkVersion(request);
    const id = idOf(request, 'UPLOAD_NOT_FOUND');
    if (!(await deleteUpload(await context.store(), id)))
        throw problem('UPLOAD_NOT_FOUND', { detail: `There is no upload "${id}".`, headers: tusHeaders });
    return { status: 204, headers: tusHeaders };
};

const methods: Record<string, Handler> = { HEAD: head, PATCH: patch, DELETE: remove };
export const tusMethod = (method: string): Handler => methods[method]!;

/** HEAD, PATCH and DELETE of one upload. */
export const tusUpload: Handler = (request, context) => tusMethod(request.method)(request, context);

export const tusOptions: Handler = async () => ({
    status: 204,
    headers: { ...tusHeaders, 'tus-version': VERSION, 'tus-extension': 'creation,termination', 'tus-max-size': String(MAX_UPLOAD) },
});
