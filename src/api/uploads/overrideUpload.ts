// POST /uploads/{id}, for clients that cannot send PATCH, DELETE or HEAD: tus asks servers to take the method from a header.
import { problem } from '../../core/errors';
import type { Handler } from '../http/frame';
import { uploadMethod } from './resumeUpload';

export const overrideUpload: Handler = async (request, context) => {
    const method = request.headers.get('x-http-method-override');
    const handler = uploadMethod(method?.toUpperCase() ?? '');
    if (!handler) {
        const detail =
            method === null
                ? 'POST is for clients that send the method in X-HTTP-Method-Override, which is missing.'
                : `X-HTTP-Method-Override is "${method.slice(0, 40)}"; allowed is HEAD, PATCH or DELETE.`;
        throw problem('METHOD_NOT_ALLOWED', { detail, headers: { allow: 'GET, HEAD, PATCH, DELETE, OPTIONS' } });
    }
    return handler(request, context);
};
