// A file on its way to the host: in parts, taken up where it stood, with broken connections ridden out.
import { ApiError, isUnavailable, NetworkError, type CallError, type Upload } from '../../client';
import { CliError, Interrupted } from '../errors';
import { bytes, printable, stretch } from '../output/text';
import type { Session } from '../session';
import { bar, LiveLine, PLAIN_MS } from '../watch/liveLine';
import { silenceText } from '../watch/progress';
import { BegunUploads } from './begun';
import type { Input } from './input';

/** One part: what is lost at most when a connection breaks, and how often the bar moves. */
const PART_BYTES = 8 * 1024 * 1024;
/** For so long nothing need be stored until it is given up, in ms. */
export const RIDE_OUT_MS = 10 * 60_000;

export interface Sent {
    upload: Upload;
    /** With which its job is to be started. */
    key: string;
    /** The job is started, or there is none: the next command begins anew. */
    readonly forget: () => void;
}

export async function sendFile(session: Session, input: Input): Promise<Sent> {
    const sending = new Sending(session, input);
    try {
        return await sending.run();
    } catch (error) {
        sending.line.end();
        if (error instanceof Interrupted)
            session.say(
                input.identity === null
                    ? 'The upload was broken off.'
                    : 'The upload was broken off. The same command goes on where it stood.',
            );
        throw error;
    } finally {
        sending.line.end();
    }
}

class Sending {
    readonly line: LiveLine;
    private readonly begun: BegunUploads;
    private readonly name: string | null;
    private readonly since: number;
    private resumedAt = 0;
    private silentSince: number | null = null;
    private saidAt = -Infinity;

    constructor(
        private readonly session: Session,
        private readonly input: Input,
    ) {
        this.line = new LiveLine(session);
        this.begun = new BegunUploads(session.shell);
        this.name = input.identity === null ? null : `${new URL(session.settings.url).origin} ${input.identity}`;
        this.since = session.shell.clock.now();
    }

    async run(): Promise<Sent> {
        const before = this.name === null ? null : this.begun.find(this.name);
        const key = before?.key ?? this.session.shell.uuid();
        const upload = before ? await this.goOn(before.id, key) : await this.send(undefined, key);
        if (!(await this.input.isUnchanged())) {
            this.forget();
            throw new CliError(`${this.input.label} has changed while it was sent; nothing was started.`);
        }
        return { upload, key, forget: () => this.forget() };
    }

    private forget(): void {
        if (this.name !== null) this.begun.forget(this.name);
    }

    /** From where it stood; one that is gone is begun anew. */
    private async goOn(id: string, key: string): Promise<Upload> {
        try {
            return await this.send(id, key);
        } catch (error) {
            const isGone = error instanceof ApiError && error.status === 404;
            if (!isGone && !(error instanceof RangeError)) throw error;
            this.forget();
            return this.send(undefined, key);
        }
    }

    private send(resume: string | undefined, key: string): Promise<Upload> {
        const { session, input } = this;
        let isFirst = true;
        return session.client().uploadInParts(input, {
            name: input.name,
            partBytes: PART_BYTES,
            resume,
            signal: session.shell.signal,
            retry: { forMs: RIDE_OUT_MS, on: (error) => this.heard(error) },
            onProgress: ({ id, sent, total }) => {
                if (isFirst) {
                    this.resumedAt = sent;
                    if (this.name !== null) this.begun.keep(this.name, { id, key });
                    if (sent > 0)
                        this.line.say(`Going on with the upload of ${printable(input.label)} at ${bytes(sent)} of ${bytes(total)}.`);
                }
                this.silentSince = null;
                this.show(sent, total, isFirst || sent === total);
                isFirst = false;
            },
        });
    }

    private show(sent: number, total: number, news: boolean): void {
        const { clock } = this.session.shell;
        const seconds = (clock.now() - this.since) / 1000;
        const rate = seconds > 1 ? (sent - this.resumedAt) / seconds : 0;
        const label = printable(this.input.label);
        const share = total > 0 ? sent / total : 1;
        const told = `${Math.floor(share * 100)} % · ${bytes(sent)} of ${bytes(total)}`;
        const speed = rate > 0 && sent < total ? ` · ${bytes(rate)}/s · ${stretch(((total - sent) / rate) * 1000)} left` : '';
        this.line.show({
            news,
            line: (width) => [{ text: `uploading ${label} ` }, ...bar(share, width > 80 ? 24 : 8), { text: ` ${told}${speed}` }],
            plain: () => `uploading ${label}: ${told}${speed}`,
        });
    }

    /** Whether it is worth another try; says so while there is none that succeeds. */
    private heard(error: CallError): boolean {
        if (!isUnavailable(error)) return false;
        const { clock } = this.session.shell;
        const now = clock.now();
        this.silentSince ??= now;
        if (now - this.saidAt >= PLAIN_MS) {
            this.saidAt = now;
            const why = error instanceof NetworkError ? error.message.split(' was not answered: ').at(-1)! : `it answered ${error.status}`;
            this.line.say(silenceText({ url: this.session.settings.url, since: this.silentSince, why }, now));
        }
        return true;
    }
}
