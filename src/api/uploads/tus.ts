// What the handlers of resumable uploads share: the tus 1.0.0 protocol (https://tus.io/protocols/resumable-upload), core with the extensions creation and
// termination. docs/uploads.md says why it stands here and is not a library.
import type { HttpRequest } from '@azure/functions';
import { capSettings } from '../../core/caps';
import { problem, type Problem, type ProblemDetails } from '../../core/errors';
import { findUpload } from '../../application/uploadAge';
import type { Upload } from '../../storage/uploads';
import { idOf, type RouteContext } from '../http/frame';

export const VERSION = '1.0.0';
export const tusHeaders = { 'tus-resumable': VERSION, 'cache-control': 'no-store' };

export const isTus = (request: { headers: { get(name: string): string | null } }): boolean => request.headers.get('tus-resumable') !== null;

export function checkVersion(request: HttpRequest): void {
    const version = request.headers.get('tus-resumable');
    if (version !== VERSION)
        throw problem('PRECONDITION_FAILED', {
            detail: `Tus-Resumable is ${version ?? 'missing'}.`,
            headers: { 'tus-version': VERSION, ...tusHeaders },
        });
}

export const bad = (detail: string, extra: ProblemDetails = {}) => problem('BAD_UPLOAD', { detail, headers: tusHeaders, ...extra });

/** What a client may ask for and this server does not do: refused before a byte is sent in vain. */
export function checkExtensions({ headers }: HttpRequest): void {
    if (headers.has('upload-concat'))
        throw bad(
            'Upload-Concat is not supported: send the file as one upload, one part after the other (in tus-js-client: parallelUploads 1).',
        );
    if (headers.has('upload-checksum') || /\bupload-checksum\b/i.test(headers.get('trailer') ?? ''))
        throw bad('Upload-Checksum is not supported, whatever its algorithm: send the part without it.');
    if (headers.has('upload-defer-length')) throw bad('Upload-Defer-Length is not supported: say the length with Upload-Length.');
}

/** A file beyond what the deployment takes. */
export const tooLarge = (bytes: number | null, limit: number, headers: Record<string, string> = {}): Problem =>
    problem('TOO_LARGE', {
        detail: `The file has ${bytes ?? `more than ${limit}`} bytes; at most ${limit} are allowed (app setting ${capSettings.uploadBytes.name}). Send less, in several jobs.`,
        limit,
        setting: capSettings.uploadBytes.name,
        headers,
    });

/** A number of bytes from a header; null when it is absent or none. */
export function bytesOf(request: HttpRequest, name: string): number | null {
    const text = request.headers.get(name);
    return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** The upload that the path names; what is said of one that is not there goes to a tus client. @throws Problem UPLOAD_NOT_FOUND */
export async function requirePartial(request: HttpRequest, { store: open }: RouteContext): Promise<Upload> {
    const id = idOf(request, 'UPLOAD_NOT_FOUND');
    const upload = await findUpload(await open(), id);
    if (!upload) throw noUpload(id);
    return upload;
}

export const noUpload = (id: string): Problem =>
    problem('UPLOAD_NOT_FOUND', { detail: `There is no upload "${id}".`, headers: tusHeaders });
