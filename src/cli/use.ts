// What stands between commander and a command: a session for it, its exit code, and one way to end.
import type { Command } from 'commander';
import { exitCodes, type ExitCode } from './exitCodes';
import { Session } from './session';
import type { GlobalOptions } from './settings';
import type { Shell } from './shell';

/** A command's work. What it gives is the exit code; nothing is 0. */
export type Work<Args extends unknown[]> = (session: Session, ...args: Args) => Promise<ExitCode | void>;

/** One call of the program. */
export class Call {
    code: ExitCode = exitCodes.good;
    /** Of the command that ran; null before one has begun. */
    session: Session | null = null;

    /** What commander prints by itself: help and version. */
    printed: Promise<void> = Promise.resolve();

    constructor(readonly shell: Shell) {}

    print(text: string): void {
        this.printed = this.printed.then(() => this.shell.stdout.write(text));
    }

    /** As an action of commander, which hands over arguments, options and the command itself. */
    does<Args extends unknown[]>(work: Work<Args>): (...given: [...Args, Command]) => Promise<void> {
        return async (...given) => {
            const command = given.at(-1) as Command;
            this.session = new Session(this.shell, command.optsWithGlobals<GlobalOptions>());
            const args = given.slice(0, -1) as unknown as Args;
            this.code = (await work(this.session, ...args)) ?? exitCodes.good;
        };
    }
}

/** A real example, beneath the options of a command's help. */
export const example = (...lines: string[]): string =>
    `\n${lines.length > 1 ? 'Examples' : 'Example'}:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`;
