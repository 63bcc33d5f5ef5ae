// Everything of the world that a command touches, in one place: tests give their own.
import type { Clock, Fetch } from '../client';

/** Standard output: data alone. */
export interface DataOutput {
    readonly isTTY: boolean;
    /** Characters in a line. */
    readonly columns: number;
    /** Resolves when the reader has taken it, so that nothing piles up here. @throws BrokenPipe when there is no reader any more */
    write(chunk: string | Uint8Array): Promise<void>;
}

/** Standard error: everything that is said to people. Nobody waits for it. */
export interface Speech {
    readonly isTTY: boolean;
    readonly columns: number;
    write(text: string): void;
}

export interface Shell {
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly platform: NodeJS.Platform;
    readonly cwd: string;
    readonly home: string;
    readonly tmp: string;
    readonly pid: number;
    readonly stdin: { readonly isTTY: boolean; bytes(): AsyncIterable<Uint8Array> };
    readonly stdout: DataOutput;
    readonly stderr: Speech;
    readonly fetch: Fetch;
    readonly clock: Clock;
    uuid(): string;
    /** One line from the terminal; null when it was closed instead. Rejects with the reason of the signal. */
    ask(question: string, signal: AbortSignal): Promise<string | null>;
    /** Whether a process with this id runs here. */
    isAlive(pid: number): boolean;
    /** Runs a program until it ends, on this terminal; resolves with its exit code. */
    runProgram(script: string, args: string[]): Promise<number>;
    /** Aborted with `Interrupted` when the process is to end. */
    readonly signal: AbortSignal;
}
