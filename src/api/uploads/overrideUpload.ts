// POST /uploads/{id}, for clients that cannot send PATCH, DELETE or HEAD: tus asks servers to take the method from a header.
import { problem } from '../../core/errors';
import type { Handler } from '../http/frame';
import { uploadMethod } from './resumeUpload';

export const overrideUpload: Handler = async (request, context) => {
    const handler = uploadMethod(request.headers.get('x-http-method-override')?.toUpperCase() ?? '');
    if (!handler) throw problem('METHOD_NOT_ALLOWED', { headers: { allow: 'GET, HEAD, PATCH, DELETE, OPTIONS' } });
    return handler(request, context);
};
