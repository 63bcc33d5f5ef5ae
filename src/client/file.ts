// A file of the disk as something to upload. Node.js only: nothing else of the client imports it.
import { promises as fs } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import path from 'node:path';
import type { UploadFile } from './uploadFile';

export interface DiskFile extends UploadFile {
    /** Without its folder. */
    readonly name: string;
    close(): Promise<void>;
}

/** Opens a file of any size; one part of it is in memory at a time. Throws what `fs` throws. */
export async function openFile(file: string): Promise<DiskFile> {
    return fileOfHandle(await fs.open(file), file);
}

/** A file that is open already, also one that has no name on the disk any more. `file` names it. */
export async function fileOfHandle(handle: FileHandle, file: string): Promise<DiskFile> {
    const { size } = await handle.stat();
    return {
        name: path.basename(file),
        size,
        read: async (from, to) => {
            const part = Buffer.alloc(to - from);
            const { bytesRead } = await handle.read(part, 0, part.length, from);
            if (bytesRead < part.length) throw new Error(`${file} has become shorter than ${to} bytes.`);
            return part;
        },
        close: () => handle.close(),
    };
}
