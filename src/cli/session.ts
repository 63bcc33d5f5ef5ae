// One run of one command: its settings, its client, and how it speaks.
import { FanfoldClient, isTransient, type ClientOptions } from '../client';
import { parseExact } from '../json/exactJson';
import { isNobodyThere } from './errors';
import type { Form, Printer } from './output/printer';
import { printable, printableLines } from './output/text';
import { settingsOf, type GlobalOptions, type Settings } from './settings';
import type { Shell } from './shell';

/** For how long a read is asked for again, in ms. */
const RETRY_MS = 5_000;

export class Session {
    private known: Settings | undefined;

    constructor(
        readonly shell: Shell,
        readonly options: GlobalOptions,
    ) {}

    /** Read when they are first needed: a command that calls nothing needs none. @throws CliError */
    get settings(): Settings {
        if (this.known) return this.known;
        this.known = settingsOf(this.shell, this.options);
        for (const note of this.known.notes) this.say(note);
        return this.known;
    }

    /** They, where they are known: for what is told of an error. */
    get knownSettings(): Settings | null {
        return this.known ?? null;
    }

    /** Of data. Colours are for a terminal that shows them, and for whoever has not said no. */
    get printer(): Printer {
        const { stdout } = this.shell;
        return { form: (this.options.output ?? 'table') as Form, stdout, hasColours: this.hasColours(stdout) };
    }

    /** A client that keeps every digit of what it reads. */
    client(options: Partial<ClientOptions> = {}): FanfoldClient {
        const { url, key, token, appKey } = this.settings;
        return new FanfoldClient({
            url,
            ...(key === null ? {} : { key }),
            ...(appKey === null ? {} : { appKey }),
            ...(token === null ? {} : { headers: { authorization: `Bearer ${token}` } }),
            fetch: this.shell.fetch,
            clock: this.shell.clock,
            parse: parseExact,
            retry: { forMs: RETRY_MS, on: (error) => isTransient(error) && !isNobodyThere(error) },
            ...options,
        });
    }

    /** One line, or several, for people. What is not of this program goes through `printable` first, or it could begin a line of its own. */
    say(text = ''): void {
        this.shell.stderr.write(`${printableLines(text)}\n`);
    }

    /** How a job that goes on by itself is watched and cancelled. */
    sayHowToGoOn(jobId: string): void {
        this.say(`Watch it:  ${this.command(`jobs watch ${jobId}`)}`);
        this.say(`Cancel it: ${this.command(`jobs cancel ${jobId}`)}`);
    }

    /** Whether somebody can be asked. */
    get canAsk(): boolean {
        return this.shell.stdin.isTTY && this.shell.stderr.isTTY;
    }

    hasColours({ isTTY }: { isTTY: boolean }): boolean {
        const { NO_COLOR: no, TERM: term } = this.shell.env;
        return isTTY && this.options.color !== false && !no && term !== 'dumb';
    }

    /** A command to go on with, at the same host. */
    command(words: string): string {
        const { url, profile, keyFile } = this.options;
        const flags = Object.entries({ url, profile, 'key-file': keyFile }).flatMap(([name, value]) =>
            value === undefined ? [] : [`--${name} ${quoted(value)}`],
        );
        return ['fanfold', ...flags, words].join(' ');
    }
}

/** As a shell takes it for one word. */
export const quoted = (word: string): string => (/^[\w./:@%+=,-]+$/.test(word) ? word : `'${printable(word).replaceAll("'", `'\\''`)}'`);
