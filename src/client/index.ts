// The client of the API. A file of the disk to upload: `file.ts`, for Node.js only.
export * from './client';
export type * from './documents';
export { ApiError, isCallError, isTransient, isUnavailable, JobEnded, NetworkError, WaitTimeout, type CallError } from './errors';
export type { CallOptions, Fetch, RetryOptions } from './requests';
export type { Clock } from './clock';
export { fileOfStream, type ByteStream, type UploadContent, type UploadFile } from './uploadFile';
export { MAX_PART_BYTES, type PartsOptions, type UploadProgress } from './uploadParts';
