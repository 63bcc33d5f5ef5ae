// POST /uploads by a tus client: an upload that is sent in parts.
import { takeUploadPlace } from '../../application/uploadAge';
import { readSettings } from '../../settings';
import { createParts } from '../../storage/uploads';
import { rootOf, type Handler } from '../http/frame';
import { fileName } from './fileName';
import { bad, bytesOf, checkExtensions, checkVersion, tooLarge, tusHeaders } from './tus';
import { MAX_METADATA, parseMetadata } from './uploadMetadata';

export const createTusUpload: Handler = async (request, { store: open }) => {
    checkVersion(request);
    checkExtensions(request);
    const length = bytesOf(request, 'upload-length');
    if (length === null) throw bad('Upload-Length is missing or not a number of bytes.');
    if (length === 0) throw bad('The file is empty.');
    const { uploadBytes, uploads } = readSettings().caps;
    if (length > uploadBytes) throw tooLarge(length, uploadBytes, { ...tusHeaders, 'tus-max-size': String(uploadBytes) });
    const metadata = request.headers.get('upload-metadata') ?? undefined;
    if (metadata && metadata.length > MAX_METADATA) throw bad(`Upload-Metadata is longer than ${MAX_METADATA} characters.`);
    const name = fileName(parseMetadata(metadata).get('filename') ?? request.query.get('name'));
    // Last: what is refused for another reason takes no place.
    const store = await open();
    await takeUploadPlace(store, uploads, tusHeaders);
    const id = await createParts(store, length, name, metadata);
    return { status: 201, headers: { ...tusHeaders, location: `${rootOf(request)}/uploads/${id}` } };
};
