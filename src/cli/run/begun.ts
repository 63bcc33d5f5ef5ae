// Uploads that are begun: what was broken off goes on where it stood when the same command is run again.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { stateFolder } from '../profiles';
import type { Shell } from '../shell';

export interface Begun {
    /** Of the upload. */
    id: string;
    /** With which the job is started: a second start with it is the same job. */
    key: string;
    /** Of the process that sends it. */
    pid: number;
    /** ISO. */
    at: string;
}

/** Beyond so many the oldest are forgotten: nobody goes on with them. */
const KEPT = 200;

/** What it remembers is a help: where it cannot be read or written, uploads begin anew. */
export class BegunUploads {
    private readonly file: string;

    constructor(private readonly shell: Shell) {
        this.file = path.join(stateFolder(shell), 'uploads.json');
    }

    /** One that no other process is at work with. */
    find(name: string): Begun | null {
        const found = this.read()[name];
        return found && (found.pid === this.shell.pid || !this.shell.isAlive(found.pid)) ? found : null;
    }

    keep(name: string, begun: Pick<Begun, 'id' | 'key'>): void {
        const entry: Begun = { ...begun, pid: this.shell.pid, at: new Date(this.shell.clock.now()).toISOString() };
        this.write({ ...this.read(), [name]: entry });
    }

    forget(name: string): void {
        const { [name]: gone, ...left } = this.read();
        if (gone) this.write(left);
    }

    private read(): Record<string, Begun> {
        try {
            const document: unknown = JSON.parse(readFileSync(this.file, 'utf8'));
            return Object.fromEntries(Object.entries(document as object).filter((entry): entry is [string, Begun] => isBegun(entry[1])));
        } catch {
            return {};
        }
    }

    private write(entries: Record<string, Begun>): void {
        const newest = Object.entries(entries)
            .sort(([, a], [, b]) => (a.at < b.at ? 1 : -1))
            .slice(0, KEPT);
        const draft = `${this.file}.${this.shell.pid}`;
        try {
            mkdirSync(path.dirname(this.file), { recursive: true, mode: 0o700 });
            writeFileSync(draft, `${JSON.stringify(Object.fromEntries(newest), null, 2)}\n`, { mode: 0o600 });
            renameSync(draft, this.file);
        } catch {
            // Then the next command begins anew.
        }
    }
}

const isBegun = (value: unknown): value is Begun => {
    const { id, key, pid, at } = (value ?? {}) as Partial<Record<keyof Begun, unknown>>;
    return typeof id === 'string' && typeof key === 'string' && typeof pid === 'number' && typeof at === 'string';
};
