// DELETE /uploads/{id}
import { deleteUpload as remove } from '../../storage/uploads';
import { idOf, type Handler } from '../http/frame';
import { checkVersion, noUpload, tusHeaders } from './tus';

export const deleteUpload: Handler = async (request, context) => {
    checkVersion(request);
    const id = idOf(request, 'UPLOAD_NOT_FOUND');
    if (!(await remove(await context.store(), id))) throw noUpload(id);
    return { status: 204, headers: tusHeaders };
};
