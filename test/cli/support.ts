// The command line as a program: spawned, with pipes or with a terminal of its own.
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { until } from '../support/until';

export const root = path.resolve(__dirname, '../..');
export const fanfold = path.join(root, 'dist/cli/fanfold.js');

/** A folder that is gone when the tests of a file are through. */
export function useFolder(): string {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'fanfold-cli-'));
    afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
    return folder;
}

export interface Ended {
    code: number | null;
    signal: NodeJS.Signals | null;
    stdout: string;
    stderr: string;
}

export interface Started {
    readonly child: ChildProcessWithoutNullStreams;
    /** What it has said so far, on both streams. */
    readonly said: () => string;
    readonly ended: Promise<Ended>;
    /** Waits for a text on either stream. */
    says(text: string | RegExp): Promise<string>;
}

export interface Surroundings {
    env?: Record<string, string>;
    cwd?: string;
    /** On standard input, which is then at its end; undefined: it is at its end at once; null: it stays open. */
    input?: string | null;
    script?: string;
}

/** Nothing of the machine's own settings. */
const environment = (folder: string, env: Record<string, string> = {}): NodeJS.ProcessEnv => ({
    PATH: process.env.PATH,
    HOME: folder,
    XDG_CONFIG_HOME: path.join(folder, 'config'),
    XDG_STATE_HOME: path.join(folder, 'state'),
    TMPDIR: path.join(folder),
    ...env,
});

export function start(folder: string, args: string[], { env, cwd, input = '', script = fanfold }: Surroundings = {}): Started {
    return follow(spawn(process.execPath, [script, ...args], { env: environment(folder, env), cwd: cwd ?? folder, stdio: 'pipe' }), input);
}

/** On a terminal of so many columns: what is typed comes from `child.stdin`, and all that it says is one stream. */
export function startOnTerminal(folder: string, args: string[], { env, cwd, script = fanfold }: Surroundings = {}): Started {
    const child = spawn('python3', [path.join(__dirname, 'terminal.py'), '100', process.execPath, script, ...args], {
        env: environment(folder, { TERM: 'xterm', ...env }),
        cwd: cwd ?? folder,
        stdio: 'pipe',
    });
    return follow(child, null);
}

function follow(child: ChildProcessWithoutNullStreams, input: string | null): Started {
    let [stdout, stderr] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.stdin.on('error', () => undefined);
    if (input !== null) child.stdin.end(input);
    const ended = once(child, 'close').then(([code, signal]): Ended => ({
        ...{ code: code as number | null, signal: signal as NodeJS.Signals | null },
        ...{ stdout, stderr },
    }));
    const said = (): string => stdout + stderr;
    const has = (text: string | RegExp): boolean => (typeof text === 'string' ? said().includes(text) : text.test(said()));
    return {
        child,
        said,
        ended,
        says: async (text) => {
            await until(
                () => has(text) || child.exitCode !== null,
                () => `it did not say ${String(text)}:\n${said()}`,
            );
            if (!has(text)) throw new Error(`it has ended without saying ${String(text)}:\n${said()}`);
            return said();
        },
    };
}

export const run = (folder: string, args: string[], options?: Surroundings): Promise<Ended> => start(folder, args, options).ended;

export interface TestTarget {
    url: string;
    calls: { method: string; url: string; headers: http.IncomingHttpHeaders; body: string }[];
    /** Between a call and its answer, in ms. */
    delayMs: number;
    stop(): Promise<void>;
}

/** A target at which every URL with `fail` in it is answered 422. */
export async function startTestTarget(): Promise<TestTarget> {
    const server = http.createServer((request, response) => {
        let body = '';
        request.on('data', (chunk: Buffer) => (body += chunk.toString()));
        request.on('end', () => {
            const { method = '', url = '', headers } = request;
            target.calls.push({ method, url, headers, body });
            setTimeout(() => {
                response.statusCode = url.includes('fail') ? 422 : 200;
                response.setHeader('content-type', 'application/json');
                response.end(JSON.stringify({ ok: !url.includes('fail') }));
            }, target.delayMs);
        });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const target: TestTarget = {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        calls: [],
        delayMs: 1,
        stop: async () => {
            server.closeAllConnections();
            await new Promise((resolve) => server.close(resolve));
        },
    };
    return target;
}

/** So many rows of CSV; those that `isBad` names fail at the target. */
export function writeRows(file: string, count: number, isBad: (n: number) => boolean = () => false): string {
    const rows = Array.from({ length: count }, (_, n) => `${isBad(n) ? 'fail' : 'row'}${n},n${n}`);
    writeFileSync(file, `id,name\n${rows.join('\n')}\n`);
    return file;
}
