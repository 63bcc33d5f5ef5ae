// What is told of an upload.
import type { Upload } from '../../storage/uploads';

export interface UploadView {
    id: string;
    /** That are there. */
    bytes: number;
    /** That were announced; absent of an upload in one request. */
    length?: number;
    complete: boolean;
    name?: string;
    /** Of an upload in one request, in hexadecimal digits. */
    sha256?: string;
    createdAt: string;
    links: { self: string };
}

export const uploadView = (u: Upload, root: string): UploadView => ({
    id: u.id,
    bytes: u.bytes,
    ...(u.length === null ? {} : { length: u.length }),
    complete: u.complete,
    ...(u.name ? { name: u.name } : {}),
    ...(u.sha256 ? { sha256: u.sha256 } : {}),
    createdAt: u.createdAt,
    links: { self: `${root}/uploads/${u.id}` },
});
