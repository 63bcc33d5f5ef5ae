// What a job reads: a file of the disk, or what comes in and has no length before its end, which goes through a temporary file.
import { createReadStream, promises as fs, realpathSync } from 'node:fs';
import path from 'node:path';
import { fileOfHandle, openFile, type DiskFile } from '../../client/file';
import { CliError } from '../errors';
import { bytes } from '../output/text';
import type { Session } from '../session';
import { LiveLine } from '../watch/liveLine';

export const STDIN = '-';

export interface Input extends DiskFile {
    /** In words. */
    readonly label: string;
    /** What the file is known by when the same command is run again; null of what cannot be read again. */
    readonly identity: string | null;
    /** Whether it is still what was opened. */
    isUnchanged(): Promise<boolean>;
}

/** @throws CliError */
export async function openInput(session: Session, file: string): Promise<Input> {
    const { shell } = session;
    if (file === STDIN) {
        if (shell.stdin.isTTY) session.say('Reading standard input, up to Ctrl-D.');
        return spooled(session, shell.stdin.bytes(), 'standard input');
    }
    const full = path.resolve(shell.cwd, file);
    try {
        const before = await fs.stat(full);
        if (before.isDirectory()) throw new CliError(`${file} is a folder, not a file.`);
        if (!before.isFile()) return await spooled(session, createReadStream(full), path.basename(file));
        const disk = await openFile(full);
        // Loaded when it is needed: it is a tenth of a start.
        const { createHash } = await import('node:crypto');
        const identity = createHash('sha256')
            .update(`${realpathSync(full)}\0${before.size}\0${before.mtimeMs}`)
            .digest('hex');
        return {
            ...disk,
            label: path.basename(file),
            identity,
            isUnchanged: async () => {
                const now = await fs.stat(full);
                return now.size === before.size && now.mtimeMs === before.mtimeMs;
            },
        };
    } catch (error) {
        if (error instanceof CliError || shell.signal.aborted) throw error;
        throw new CliError(`${file} cannot be read: ${reason(error)}`);
    }
}

const reason = (error: unknown): string => {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? 'there is no such file.' : message;
};

/** Into a file that has no name any more where the system allows that: nothing is left behind, however the process ends. */
async function spooled(session: Session, from: AsyncIterable<Uint8Array>, label: string): Promise<Input> {
    const { shell } = session;
    const folder = await fs.mkdtemp(path.join(shell.tmp, 'fanfold-'));
    const handle = await fs.open(path.join(folder, 'input'), 'wx+', 0o600);
    const remove = () => fs.rm(folder, { recursive: true, force: true }).catch(() => undefined);
    await remove();
    const line = new LiveLine(session);
    try {
        let size = 0;
        for await (const chunk of untilAborted(from, shell.signal)) {
            // `write` may take less than it is given.
            for (let at = 0; at < chunk.length;) at += (await handle.write(chunk, at)).bytesWritten;
            size += chunk.length;
            const text = `reading ${label}, ${bytes(size)}`;
            line.show({ news: false, line: () => [{ text }], plain: () => text });
        }
        const disk = await fileOfHandle(handle, label);
        return { ...disk, label, identity: null, isUnchanged: async () => true, close: () => disk.close().finally(remove) };
    } catch (error) {
        await handle.close();
        await remove();
        throw error;
    } finally {
        line.end();
    }
}

/** What waits for input is not held up by it when the process is to end. */
async function* untilAborted(from: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const aborted = new Promise<never>((_, reject) => {
        const stop = () => reject(signal.reason as Error);
        if (signal.aborted) stop();
        else signal.addEventListener('abort', stop, { once: true });
    });
    aborted.catch(() => undefined);
    const chunks = from[Symbol.asyncIterator]() as AsyncIterator<Uint8Array, undefined>;
    for (;;) {
        const next = await Promise.race([chunks.next(), aborted]);
        if (next.done) return;
        yield next.value;
    }
}

/** All of it, where it is a document. @throws CliError beyond `most` bytes */
export async function readWhole(session: Session, file: string, most: number): Promise<Buffer> {
    const { shell } = session;
    const chunks: Uint8Array[] = [];
    let size = 0;
    const from: AsyncIterable<Uint8Array> = file === STDIN ? shell.stdin.bytes() : createReadStream(path.resolve(shell.cwd, file));
    try {
        for await (const chunk of untilAborted(from, shell.signal)) {
            chunks.push(chunk);
            if ((size += chunk.length) > most) throw new CliError(`${file} has more than ${bytes(most)}.`);
        }
    } catch (error) {
        if (error instanceof CliError || shell.signal.aborted) throw error;
        throw new CliError(`${file} cannot be read: ${reason(error)}`);
    }
    return Buffer.concat(chunks);
}
