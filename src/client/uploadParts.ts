// An upload in parts, by tus 1.0.0: made, sent part after part, taken up again where it stands (docs/uploads.md).
import { sleep } from './clock';
import type { Upload } from './documents';
import { ApiError, isCallError, isTransient } from './errors';
import { FIRST_PAUSE_MS, LONGEST_PAUSE_MS, type CallOptions, type Requests } from './requests';
import { fileOf, type UploadContent, type UploadFile } from './uploadFile';

/** The host refuses a body over 100 MB. */
export const MAX_PART_BYTES = 64 * 1024 * 1024;

export interface UploadProgress {
    /** Of the upload, to take it up again with. */
    id: string;
    /** Bytes that are stored, of `total`. */
    sent: number;
    total: number;
}

export interface PartsOptions extends CallOptions {
    /** Of the file: its ending tells the format, unless the spec does. */
    name?: string | undefined;
    /** Of one part, in bytes: 1 to 64 MiB, which is the default. */
    partBytes?: number | undefined;
    /** Id of an upload that was begun: it goes on from where it stands. The content must be the same; only its size is compared. */
    resume?: string | undefined;
    /** Told at the beginning and after each part. */
    onProgress?: ((progress: UploadProgress) => void) | undefined;
}

const tus = { 'tus-resumable': '1.0.0' };
const path = (id: string): string => `/uploads/${encodeURIComponent(id)}`;

export class PartsUpload {
    constructor(
        private readonly requests: Requests,
        private readonly view: (id: string, call: CallOptions) => Promise<Upload>,
    ) {}

    /** Gives up when nothing more has been stored for as long as `retry` says. */
    async run(content: UploadContent, { name, partBytes = MAX_PART_BYTES, resume, onProgress, ...call }: PartsOptions): Promise<Upload> {
        if (!(partBytes >= 1 && partBytes <= MAX_PART_BYTES))
            throw new RangeError(`partBytes is ${partBytes}; allowed is 1 to ${MAX_PART_BYTES}.`);
        const { clock } = this.requests.options;
        const retry = call.retry ?? this.requests.options.retry;
        const file = fileOf(content);
        const total = file.size;
        const id = resume ?? (await this.create(total, name, call));
        let sent = resume === undefined ? 0 : await this.offset(id, total, call);
        onProgress?.({ id, sent, total });
        let end = clock.now() + retry.forMs;
        for (let pause = FIRST_PAUSE_MS; sent < total;) {
            const before = sent;
            try {
                sent = await this.send(id, file, sent, Math.min(sent + partBytes, total), call);
            } catch (error) {
                if (!isCallError(error) || !(isElsewhere(error) || (retry.on ?? isTransient)(error))) throw error;
                if (clock.now() + pause > end) throw error;
                await sleep(clock, pause, call.signal);
                pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
                sent = await this.offset(id, total, call);
            }
            if (sent === before) continue;
            [pause, end] = [FIRST_PAUSE_MS, clock.now() + retry.forMs];
            onProgress?.({ id, sent, total });
        }
        return this.view(id, call);
    }

    /** Made twice, one of the two stays empty: so it is asked for again only where the call says so. */
    private async create(bytes: number, name: string | undefined, call: CallOptions): Promise<string> {
        const metadata = name === undefined ? {} : { 'upload-metadata': `filename ${base64(name)}` };
        const headers = { ...tus, 'upload-length': String(bytes), ...metadata };
        const answer = await this.requests.open({ method: 'POST', path: '/uploads', headers }, call);
        return answer.headers.get('location')!.split('/').at(-1)!;
    }

    private async offset(id: string, total: number, call: CallOptions): Promise<number> {
        const { headers } = await this.requests.open({ method: 'HEAD', path: path(id), headers: tus }, call);
        const length = Number(headers.get('upload-length'));
        if (length !== total) throw new RangeError(`The upload ${id} is of ${length} bytes; the content has ${total}.`);
        return Number(headers.get('upload-offset'));
    }

    /** Gives the offset behind the part. */
    private async send(id: string, file: UploadFile, from: number, to: number, call: CallOptions): Promise<number> {
        const body = (await file.read(from, to)) as Blob;
        const headers = { ...tus, 'upload-offset': String(from), 'content-type': 'application/offset+octet-stream' };
        const heldMs = this.requests.options.timeoutMs * 9;
        // Not sent again as it is: what of it has arrived must be asked for first.
        const once = { signal: call.signal, retry: { forMs: 0 } };
        const answer = await this.requests.open({ method: 'PATCH', path: path(id), headers, body, heldMs }, once);
        return Number(answer.headers.get('upload-offset'));
    }
}

/** What was sent before the connection broke was still being written when the offset was asked for. */
const isElsewhere = (error: unknown): boolean => error instanceof ApiError && error.code === 'UPLOAD_CONFLICT';

const base64 = (text: string): string => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
