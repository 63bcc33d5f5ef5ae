// POST /uploads by a tus client: an upload that is sent in parts.
import { problem } from '../../core/errors';
import { createParts, MAX_UPLOAD } from '../../storage/uploads';
import { rootOf, type Handler } from '../http/frame';
import { fileName } from './fileName';
import { bad, bytesOf, checkExtensions, checkVersion, tusHeaders } from './tus';
import { MAX_METADATA, parseMetadata } from './uploadMetadata';

export const createTusUpload: Handler = async (request, { store: open }) => {
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
    if (metadata && metadata.length > MAX_METADATA) throw bad(`Upload-Metadata is longer than ${MAX_METADATA} characters.`);
    const id = await createParts(
        await open(),
        length,
        fileName(parseMetadata(metadata).get('filename') ?? request.query.get('name')),
        metadata,
    );
    return { status: 201, headers: { ...tusHeaders, location: `${rootOf(request)}/uploads/${id}` } };
};
