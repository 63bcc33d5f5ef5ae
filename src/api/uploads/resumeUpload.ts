// HEAD, PATCH and DELETE /uploads/{id}: one route, and a handler for each method.
import type { Handler } from '../http/frame';
import { appendUpload } from './appendUpload';
import { deleteUpload } from './deleteUpload';
import { headUpload } from './headUpload';

const methods: Record<string, Handler> = { HEAD: headUpload, PATCH: appendUpload, DELETE: deleteUpload };

/** The handler of a method; undefined where an upload has none. */
export const uploadMethod = (method: string): Handler | undefined => methods[method];

export const resumeUpload: Handler = (request, context) => uploadMethod(request.method)!(request, context);
