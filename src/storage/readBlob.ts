// Reading blobs as streams that neither hang nor stop half way: a limit on silence, and a read that breaks off goes on where it stood.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import { RestError, type ContainerClient } from '@azure/storage-blob';
import { isTransient, patiently } from './trouble';

/** A stream from which nothing comes for so long is broken off. */
const SILENCE_MS = 10_000;
/** What comes more slowly than this, beyond some slack, is given up: a trickle would hold its reader for as long as silence, and never end. */
const SLOWEST_BYTES_PER_SECOND = 16 * 1024;
const SLACK_MS = 60_000;
/** Times that a read which broke off goes on without having got a byte in between. */
const RESUMES = 5;

export interface ReadOptions {
    /** First byte, default 0. */
    from?: number;
    /** Byte behind the last; default: where the blob ends when the read begins. */
    to?: number;
    /** Only this version. */
    ifMatch?: string | undefined;
    /** What is replaced while it is read ends the read with 412 rather than giving a mixture. Not for blobs that grow. */
    oneVersion?: boolean;
    /** A silence after which the stream is broken off, in ms, default 10 s. */
    silenceMs?: number;
    /** How much longer than at 16 KiB a second the waiting for bytes may take on the whole, in ms, default 60 s. */
    slackMs?: number;
    /** How long to go on asking where storage gives no answer, in ms, default 0: see `patiently`. */
    patienceMs?: number;
    /** Ends the read, and the tries at it. */
    abortSignal?: AbortSignal | undefined;
}

/** A stretch of a blob. Memory: what the connection holds. Throws the RestError that storage answered, or that no try got over. */
export async function* readBlob(container: ContainerClient, name: string, options: ReadOptions = {}): AsyncGenerator<Buffer> {
    let { from: at = 0, to, ifMatch } = options;
    const pace = new Pace(options.slackMs);
    let resumes = 0;
    while (to === undefined || at < to) {
        const begin = at;
        const end = to;
        const open = () =>
            container.getBlobClient(name).download(begin, end === undefined ? undefined : end - begin, {
                maxRetryRequests: 0,
                ...(ifMatch ? { conditions: { ifMatch } } : {}),
                ...(options.abortSignal ? { abortSignal: options.abortSignal } : {}),
            });
        const answer = await patiently(open, options.patienceMs ?? 0);
        to ??= at + (answer.contentLength ?? 0);
        if (options.oneVersion) ifMatch ??= answer.etag;
        try {
            for await (const chunk of untilSilent(answer.readableStreamBody as Readable, pace, options)) {
                at += chunk.length;
                resumes = 0;
                yield chunk;
            }
            if (at < to) throw new RestError(`the answer for ${name} ended at byte ${at} of ${to}`, { code: RestError.REQUEST_SEND_ERROR });
        } catch (error) {
            if (++resumes > RESUMES || pace.leftMs <= 0 || options.abortSignal?.aborted) throw asRestError(error, name);
            await pace.wait(sleep(100 * 2 ** resumes));
        }
    }
}

/** Fills the buffer with what stands from `from` on; throws when the blob ends before it is full. */
export async function readInto(
    container: ContainerClient,
    name: string,
    buffer: Buffer,
    from: number,
    options: Pick<ReadOptions, 'abortSignal'> = {},
): Promise<void> {
    let filled = 0;
    for await (const chunk of readBlob(container, name, { ...options, from, to: from + buffer.length }))
        filled += chunk.copy(buffer, filled);
}

/** How long a read has waited for storage, and may still; what its consumer takes does not count. */
class Pace {
    leftMs: number;

    constructor(slackMs = SLACK_MS) {
        this.leftMs = slackMs;
    }

    async wait<T>(what: Promise<T>): Promise<T> {
        const began = performance.now();
        try {
            return await what;
        } finally {
            this.leftMs -= performance.now() - began;
        }
    }

    got(bytes: number): void {
        this.leftMs += (bytes / SLOWEST_BYTES_PER_SECOND) * 1000;
    }
}

async function* untilSilent(stream: Readable, pace: Pace, { silenceMs = SILENCE_MS, abortSignal }: ReadOptions): AsyncGenerator<Buffer> {
    const stop = () => stream.destroy(new Error('given up'));
    abortSignal?.addEventListener('abort', stop);
    const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    try {
        for (;;) {
            const tooSlow = pace.leftMs < silenceMs;
            const why = tooSlow ? 'it came too slowly' : `nothing came for ${silenceMs} ms`;
            const timer = setTimeout(() => stream.destroy(new Error(why)), Math.max(0, Math.min(silenceMs, pace.leftMs)));
            const next = await pace.wait(chunks.next()).finally(() => clearTimeout(timer));
            if (next.done) return;
            pace.got(next.value.length);
            yield next.value;
        }
    } finally {
        abortSignal?.removeEventListener('abort', stop);
        // Left unread, the connection would stay open. What it says of that is nobody's concern any more.
        stream.on('error', () => undefined).destroy();
    }
}

const asRestError = (error: unknown, name: string): unknown =>
    isTransient(error) || error instanceof RestError
        ? error
        : new RestError(`reading ${name} broke off: ${(error as Error).message}`, { code: RestError.REQUEST_SEND_ERROR });
