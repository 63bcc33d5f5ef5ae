// Fanfold from outside, over its HTTP API: the same for the local host and any other.
import { open, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Job {
    id: string;
    state: string;
    outcome?: string;
    ended: boolean;
    createdAt: string;
    startedAt?: string;
    endedAt?: string;
    counts: { total: number | null; succeeded: number };
}

/** Hosts refuse a body over 100 MB. */
const PART_BYTES = 64 * 1024 * 1024;

/** Events in the history of an instance, as the durable HTTP API shows them; undefined where that API is not open. */
export async function historyOf(url: string, instance: string): Promise<number | undefined> {
    const answer = await fetch(`${url}/runtime/webhooks/durabletask/instances/${instance}?showHistory=true`);
    if (answer.status !== 200) return undefined;
    return ((await answer.json()) as { historyEvents?: unknown[] }).historyEvents?.length;
}

export class Api {
    constructor(private readonly base: string) {}

    /** Events of the longest history among a job's orchestrations: its own and its workers'. */
    async longestHistory(id: string): Promise<number | undefined> {
        const workers = [0, 1].map((slot) => `${id}-r1w${slot}`);
        const lengths = await Promise.all([id, ...workers].map((instance) => historyOf(this.base, instance)));
        const known = lengths.filter((n) => n !== undefined);
        return known.length > 0 ? Math.max(...known) : undefined;
    }

    async call(method: string, at: string, body?: string | Buffer, headers: Record<string, string> = {}): Promise<Response> {
        const answer = await fetch(`${this.base}/api${at}`, { method, headers, ...(body === undefined ? {} : { body, duplex: 'half' }) });
        if (!answer.ok) throw new Error(`${method} ${at} answered ${answer.status}: ${await answer.text()}`);
        return answer;
    }

    start = async (spec: object): Promise<Job> =>
        (await (await this.call('POST', '/jobs', JSON.stringify(spec), { 'content-type': 'application/json' })).json()) as Job;

    get = async (id: string, wait = 0): Promise<Job> => (await (await this.call('GET', `/jobs/${id}?wait=${wait}`)).json()) as Job;

    cancel = (id: string) => this.call('POST', `/jobs/${id}/cancel`);

    /** Looks twice a second: every look is a few storage reads. */
    async until(id: string, done: (job: Job) => boolean, everyMs = 500): Promise<Job> {
        for (;;) {
            const job = await this.get(id);
            if (done(job)) return job;
            if (job.ended) throw new Error(`job ${id} ended as ${job.state}: ${JSON.stringify(job)}`);
            await sleep(everyMs);
        }
    }

    /** Uploads a file in resumable parts, which any size fits. */
    async upload(file: string): Promise<string> {
        const { size } = await stat(file);
        const tus = { 'tus-resumable': '1.0.0' };
        const name = Buffer.from(path.basename(file)).toString('base64');
        const created = await this.call('POST', '/uploads', undefined, {
            ...tus,
            'upload-length': String(size),
            'upload-metadata': `filename ${name}`,
        });
        const id = created.headers.get('location')!.split('/').at(-1)!;
        const handle = await open(file);
        try {
            for (let offset = 0; offset < size; offset += PART_BYTES) {
                const part = Buffer.alloc(Math.min(PART_BYTES, size - offset));
                await handle.read(part, 0, part.length, offset);
                await this.call('PATCH', `/uploads/${id}`, part, {
                    ...tus,
                    'upload-offset': String(offset),
                    'content-type': 'application/offset+octet-stream',
                });
            }
        } finally {
            await handle.close();
        }
        return id;
    }
}
