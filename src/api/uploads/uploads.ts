// POST /uploads in one request, GET /uploads/{id}. Parts: tus.ts.
import { problem } from '../../core/errors';
import { readUpload, storeWhole, type Upload } from '../../storage/uploads';
import { idOf, json, rootOf, type Handler } from '../http/frame';
import { createTusUpload, isTus, tusMethod } from './tus';

export const createUpload: Handler = async (request, context) => {
    if (isTus(request)) return createTusUpload(request, context);
    const encoding = request.headers.get('content-encoding');
    if (encoding && encoding !== 'identity')
        throw problem('UNSUPPORTED_MEDIA', { detail: `Content-Encoding "${encoding}" is not supported here; send the file as it is.` });
    if (/^multipart\//i.test(request.headers.get('content-type') ?? '')) {
        throw problem('UNSUPPORTED_MEDIA', {
            detail: 'A form is not a file: send the file itself as the body (curl: --data-binary @file or -T file, not -F).',
        });
    }
    const name = fileName(request.query.get('name')) ?? fileName(fromDisposition(request.headers.get('content-disposition')));
    const upload = request.body ? await storeWhole(await context.store(), request.body as AsyncIterable<Uint8Array>, name) : null;
    if (!upload) throw problem('BAD_UPLOAD', { detail: 'The body is empty.' });
    const view = uploadView(upload, rootOf(request));
    return json(201, view, { location: view.links.self });
};

export const getUpload: Handler = async (request, { store: open }) => {
    const id = idOf(request, 'UPLOAD_NOT_FOUND');
    const upload = await readUpload(await open(), id);
    if (!upload) throw problem('UPLOAD_NOT_FOUND', { detail: `There is no upload "${id}".` });
    return json(200, uploadView(upload, rootOf(request)));
};

/** For clients that cannot send PATCH, DELETE or HEAD: tus asks servers to take the method from a header. */
export const overridden: Handler = async (request, context) => {
    const method = request.headers.get('x-http-method-override')?.toUpperCase() ?? '';
    if (!['HEAD', 'PATCH', 'DELETE'].includes(method))
        throw problem('METHOD_NOT_ALLOWED', { headers: { allow: 'GET, HEAD, PATCH, DELETE, OPTIONS' } });
    return tusMethod(method)(request, context);
};

export interface UploadView {
    id: string;
    /** That are there. */
    bytes: number;
    /** That were announced; absent of an upload in one request. */
    length?: number;
    complete: boolean;
    name?: string;
    /** Of an upload in one request, in hexadecimal digits. */
    sha256?: string;
    createdAt: string;
    links: { self: string };
}

const uploadView = (u: Upload, root: string): UploadView => ({
    id: u.id,
    bytes: u.bytes,
    ...(u.length === null ? {} : { length: u.length }),
    complete: u.complete,
    ...(u.name ? { name: u.name } : {}),
    ...(u.sha256 ? { sha256: u.sha256 } : {}),
    createdAt: u.createdAt,
    links: { self: `${root}/uploads/${u.id}` },
});

/** A name tells the format by its ending and is shown; it is never a path. */
export const fileName = (text: string | null | undefined): string | undefined =>
    text
        ?.split(/[\\/]/)
        .at(-1)
        ?.slice(0, 255)
        // Not half of a pair either, which the cut may have left.
        .replace(/[\p{Cc}\p{Cf}\p{Surrogate}]/gu, '') || undefined;

/** File name of a Content-Disposition header (RFC 6266): `filename*` in UTF-8 wins over `filename`. */
export function fromDisposition(header: string | null): string | undefined {
    const extended = /filename\*\s*=\s*utf-8'[^']*'([^;\s]+)/i.exec(header ?? '')?.[1];
    if (extended && /^(?:[^%]|%[0-9a-f]{2})+$/i.test(extended)) return Buffer.from(unescapeBytes(extended), 'latin1').toString('utf8');
    const plain = /filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/i.exec(header ?? '');
    return plain?.[1]?.replace(/\\(.)/g, '$1') ?? plain?.[2];
}

// Bytes, not characters: a percent sequence that is not UTF-8 must not throw.
const unescapeBytes = (text: string) => text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
