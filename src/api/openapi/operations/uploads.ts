// Files that jobs read.
import { uploadView } from '../answers/upload';
import { anyCodes, json, type Operation } from '../operation';

const file = {};
const tus = ['Tus-Resumable', 'Cache-Control'] as const;

const options: Operation = {
    tag: 'Uploads',
    summary: 'See what tus clients may ask for',
    description: 'Version, extensions and bounds of the tus protocol here.',
    answers: { 204: { description: 'In headers.', headers: [...tus, 'Tus-Version', 'Tus-Extension', 'Tus-Max-Size'] } },
    codes: [],
};

export const createUpload: Operation = {
    tag: 'Uploads',
    summary: 'Upload a file',
    description:
        'The body is the file itself, in one request, less than 100 MB. With `Tus-Resumable` and `Upload-Length`, and without a body, it makes an upload that is sent in parts, at most 195 GB.',
    parameters: ['fileName', 'contentDisposition', 'tusOfCreation', 'uploadLength', 'uploadMetadata'],
    body: { description: 'The file, of any content type but a form.', required: false, content: { '*/*': file } },
    answers: {
        201: {
            description: 'The upload is made. Of one in parts the answer has no body.',
            headers: ['Location', ...tus],
            content: json(uploadView),
            mayBeEmpty: true,
        },
    },
    codes: [...anyCodes, 'BAD_UPLOAD', 'FOREIGN_ORIGIN', 'PRECONDITION_FAILED', 'TOO_LARGE', 'TOO_MANY_UPLOADS', 'UNSUPPORTED_MEDIA'],
    problemHeaders: {
        BAD_UPLOAD: ['Tus-Resumable'],
        TOO_LARGE: ['Tus-Resumable', 'Tus-Max-Size'],
        TOO_MANY_UPLOADS: ['Tus-Resumable'],
    },
};

export const uploadOptions = options;
export const uploadPartOptions: Operation = { ...options, parameters: ['uploadId'] };

export const getUpload: Operation = {
    tag: 'Uploads',
    summary: 'See an upload',
    description: 'What is known of an upload.',
    parameters: ['uploadId'],
    answers: { 200: { description: 'The upload.', headers: ['Cache-Control'], content: json(uploadView) } },
    codes: [...anyCodes, 'UPLOAD_NOT_FOUND'],
};

const noUpload = { UPLOAD_NOT_FOUND: ['Tus-Resumable'] } as const;
const stands = ['Upload-Offset', 'Upload-Length', 'Upload-Metadata'] as const;

export const headUpload: Operation = {
    tag: 'Uploads',
    summary: 'See how far an upload is',
    description: 'How many bytes of an upload are there (tus).',
    parameters: ['uploadId', 'tusResumable'],
    answers: { 200: { description: 'In headers.', headers: [...stands, ...tus] } },
    codes: [...anyCodes, 'PRECONDITION_FAILED', 'UPLOAD_NOT_FOUND'],
    problemHeaders: noUpload,
    isHead: true,
};

const appendProblems = {
    ...noUpload,
    BAD_UPLOAD: ['Tus-Resumable'],
    TOO_LARGE: ['Tus-Resumable'],
    UNSUPPORTED_MEDIA: ['Tus-Resumable'],
    UPLOAD_CONFLICT: ['Tus-Resumable', 'Upload-Offset'],
} as const;
const part = { 'application/offset+octet-stream': file };
const appendCodes = ['BAD_UPLOAD', 'UNSUPPORTED_MEDIA', 'UPLOAD_CONFLICT', 'TOO_LARGE'] as const;

export const appendUpload: Operation = {
    tag: 'Uploads',
    summary: 'Send a part of an upload',
    description: 'Appends a part where the upload stands (tus). When the connection breaks, what has arrived stays.',
    parameters: ['uploadId', 'tusResumable', 'uploadOffset'],
    body: { description: 'The bytes of the part.', required: true, content: part },
    answers: { 204: { description: 'The part is there.', headers: ['Upload-Offset', ...tus] } },
    codes: [...anyCodes, ...appendCodes, 'FOREIGN_ORIGIN', 'PRECONDITION_FAILED', 'UPLOAD_NOT_FOUND'],
    problemHeaders: appendProblems,
};

export const deleteUpload: Operation = {
    tag: 'Uploads',
    summary: 'Delete an upload',
    description: 'Drops an upload (tus).',
    parameters: ['uploadId', 'tusResumable'],
    answers: { 204: { description: 'The upload is gone.', headers: tus } },
    codes: [...anyCodes, 'FOREIGN_ORIGIN', 'PRECONDITION_FAILED', 'UPLOAD_NOT_FOUND'],
    problemHeaders: noUpload,
};

export const overrideUpload: Operation = {
    tag: 'Uploads',
    summary: 'Do what another method does',
    description: 'For clients that cannot send HEAD, PATCH or DELETE: the header names the method, and the answer is that of it (tus).',
    parameters: ['uploadId', 'methodOverride', 'tusResumable', 'offsetOfPart'],
    body: { description: 'With `PATCH`: the bytes of the part.', required: false, content: part },
    answers: {
        200: { description: 'Of `HEAD`: in headers.', headers: [...stands, ...tus] },
        204: { description: 'Of `PATCH`, with `Upload-Offset`, and of `DELETE`.', headers: ['Upload-Offset?', ...tus] },
    },
    codes: [...anyCodes, ...appendCodes, 'FOREIGN_ORIGIN', 'METHOD_NOT_ALLOWED', 'PRECONDITION_FAILED', 'UPLOAD_NOT_FOUND'],
    problemHeaders: appendProblems,
};
