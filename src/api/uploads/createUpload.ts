// POST /uploads: a whole file in one request, or the beginning of one that a tus client sends in parts.
import { problem } from '../../core/errors';
import { readSettings } from '../../settings';
import { storeWhole, UploadTooLarge, type Upload } from '../../storage/uploads';
import { json, rootOf, type Handler } from '../http/frame';
import { createTusUpload } from './createTusUpload';
import { fileName, fromDisposition } from './fileName';
import { isTus, tooLarge } from './tus';
import { uploadView } from './uploadView';

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
    const { uploadBytes } = readSettings().caps;
    let upload: Upload | null;
    try {
        upload = request.body
            ? await storeWhole(await context.store(), request.body as AsyncIterable<Uint8Array>, name, uploadBytes)
            : null;
    } catch (error) {
        throw error instanceof UploadTooLarge ? tooLarge(null, uploadBytes) : error;
    }
    if (!upload) throw problem('BAD_UPLOAD', { detail: 'The body is empty.' });
    const view = uploadView(upload, rootOf(request));
    return json(201, view, { location: view.links.self });
};
