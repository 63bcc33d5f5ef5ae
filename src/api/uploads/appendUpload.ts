// PATCH /uploads/{id}: the next part of an upload.
import { problem } from '../../core/errors';
import { appendPart, readUpload } from '../../storage/uploads';
import type { Handler } from '../http/frame';
import { bad, bytesOf, checkExtensions, checkVersion, requirePartial, tusHeaders } from './tus';

export const appendUpload: Handler = async (request, context) => {
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
