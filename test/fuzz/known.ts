// What the run has been given by the API: ids, cursors, tokens. Requests name them by a number, since they differ from run to run.
import { KNOWN } from './requests';

export class Known {
    private readonly values: Record<string, string[]> = { job: [], upload: [], cursor: [], continuation: [] };
    /** What the keys of a job's items begin with, by its id. */
    readonly tags = new Map<string, string>();

    learn(kind: 'job' | 'upload' | 'cursor' | 'continuation', value: string): void {
        const values = this.values[kind]!;
        if (values.includes(value)) return;
        values.push(value);
        // The first stay, and the last.
        if (values.length > 50) values.splice(25, 1);
    }

    get jobs(): readonly string[] {
        return this.values.job!;
    }

    /** The text with what it names in place of the names; a mangled cursor has a character of it changed. */
    resolve(text: string): string {
        const given = text.replace(KNOWN, (_, kind: string, index: string) => {
            const values = this.values[kind]!;
            return values.length === 0 ? 'none' : encodeURIComponent(values[Number(index) % values.length]!);
        });
        return given.replace(/([\w%-]+)~(\d+)~([^&~]*)/, (_, cursor: string, at: string, by: string) => {
            const place = Number(at) % (cursor.length + 1);
            return cursor.slice(0, place) + by + cursor.slice(place + 1);
        });
    }

    /** Takes in what an answer gives. */
    heard(operation: string, status: number, text: string, headers: Headers, tag: string | null): void {
        const link = /[?&]cursor=([^&>]+)/.exec(headers.get('link') ?? '')?.[1];
        if (link) this.learn('cursor', decodeURIComponent(link));
        if (status >= 300 || !['startJob', 'createUpload', 'listJobs', 'listLimiters'].includes(operation)) return;
        const created = /\/uploads\/([\w-]+)$/.exec(headers.get('location') ?? '')?.[1];
        if (text === '') return void (created && this.learn('upload', created));
        const said = JSON.parse(text) as { id?: string; continuation?: string };
        if (said.continuation) this.learn('continuation', said.continuation);
        if (!said.id) return;
        if (operation === 'startJob') {
            this.learn('job', said.id);
            if (tag) this.tags.set(said.id, tag);
        } else if (operation === 'createUpload') this.learn('upload', said.id);
    }
}
