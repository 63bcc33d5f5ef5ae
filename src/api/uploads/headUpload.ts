// HEAD /uploads/{id}: how far an upload has come.
import type { Handler } from '../http/frame';
import { checkVersion, requirePartial, tusHeaders } from './tus';

export const headUpload: Handler = async (request, context) => {
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
