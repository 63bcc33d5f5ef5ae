// GET /uploads/{id}
import { problem } from '../../core/errors';
import { findUpload } from '../../application/uploadAge';
import { idOf, json, rootOf, type Handler } from '../http/frame';
import { uploadView } from './uploadView';

export const getUpload: Handler = async (request, { store: open }) => {
    const id = idOf(request, 'UPLOAD_NOT_FOUND');
    const upload = await findUpload(await open(), id);
    if (!upload) throw problem('UPLOAD_NOT_FOUND', { detail: `There is no upload "${id}".` });
    return json(200, uploadView(upload, rootOf(request)));
};
