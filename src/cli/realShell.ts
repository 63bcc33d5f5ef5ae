// The shell that the program is started from.
import os from 'node:os';
import { realClock } from '../client/clock';
import { BrokenPipe, Interrupted } from './errors';
import type { Shell } from './shell';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export function realShell(): Shell {
    const { stdout, stderr } = process;
    const ended = new AbortController();
    for (const name of signals)
        process.on(name, () => {
            // Whoever asks twice does not want to wait.
            if (ended.signal.aborted) process.exit(new Interrupted(name).code);
            ended.abort(new Interrupted(name));
        });
    // Without a listener a broken pipe would end the process with a stack trace. Whoever writes to standard output is told by its promise.
    stdout.on('error', () => undefined);
    stderr.on('error', () => undefined);
    return {
        env: process.env,
        platform: process.platform,
        cwd: process.cwd(),
        home: os.homedir(),
        tmp: os.tmpdir(),
        pid: process.pid,
        stdin: {
            // Looked at when somebody asks: opening it is a part of a start, too.
            get isTTY() {
                return process.stdin.isTTY === true;
            },
            bytes: () => process.stdin,
        },
        stdout: {
            isTTY: stdout.isTTY === true,
            get columns() {
                return stdout.columns ?? 80;
            },
            write: (chunk) =>
                new Promise((resolve, reject) => {
                    stdout.write(chunk, (error) => {
                        if (!error) resolve();
                        else reject('code' in error && error.code === 'EPIPE' ? new BrokenPipe() : error);
                    });
                }),
        },
        stderr: {
            isTTY: stderr.isTTY === true,
            get columns() {
                return stderr.columns ?? 80;
            },
            write: (text) => void stderr.write(text),
        },
        // A redirect could lead a key to somebody else's host: it is an answer like any other, and no success.
        fetch: (url, init) => globalThis.fetch(url, { ...init, redirect: 'manual' }),
        clock: realClock,
        uuid: () => globalThis.crypto.randomUUID(),
        isAlive,
        runProgram: (script, args) => runProgram(script, args, ended.signal),
        ask: askOn,
        signal: ended.signal,
    };
}

async function runProgram(script: string, args: string[], signal: AbortSignal): Promise<number> {
    // Loaded when it is needed, for every module costs a start some time.
    const { spawn } = await import('node:child_process');
    const child = spawn(process.execPath, [script, ...args], { stdio: 'inherit' });
    // Ctrl-C reaches the whole group of a terminal, but a signal by id only this process: all are handed on, and a second one does no harm.
    signal.addEventListener('abort', () => child.kill('SIGTERM'));
    return new Promise((resolve, reject) => {
        child.once('error', reject);
        child.once('exit', (code, by) => resolve(code ?? (by === null ? 1 : 128 + os.constants.signals[by])));
    });
}

async function askOn(question: string, signal: AbortSignal): Promise<string | null> {
    const { createInterface } = await import('node:readline');
    // Not as a terminal of readline's own: that would take Ctrl-C for itself.
    const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
    try {
        return await new Promise((resolve, reject) => {
            signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
            lines.once('close', () => resolve(null));
            lines.question(question, resolve);
        });
    } finally {
        lines.close();
        process.stdin.pause();
    }
}

function isAlive(pid: number): boolean {
    try {
        process.kill(pid, 0);
        return true;
    } catch (error) {
        return (error as NodeJS.ErrnoException).code === 'EPERM';
    }
}
