// A shell for tests: what is said is kept, time stands until it is moved, and a function answers requests.
import type { Fetch } from '../../../src/client';
import type { Interrupted } from '../../../src/cli/errors';
import { runCli } from '../../../src/cli/runCli';
import type { Shell } from '../../../src/cli/shell';
import { FakeClock } from '../../support/fakeClock';

export interface FakeShell extends Shell {
    readonly clock: FakeClock;
    readonly out: () => string;
    readonly err: () => string;
    interrupt(by: Interrupted): void;
}

export interface Asked {
    isTTY?: boolean;
    columns?: number;
    env?: Record<string, string>;
    answers?: string[];
}

export function fakeShell(fetch: Fetch, { isTTY = false, columns = 80, env = {}, answers = [] }: Asked = {}): FakeShell {
    let [out, err] = ['', ''];
    const ended = new AbortController();
    return {
        ...{ env, platform: 'linux', cwd: '/nowhere', home: '/nowhere', tmp: '/nowhere', pid: 1 },
        stdin: { isTTY, bytes: () => (async function* () {})() },
        stdout: { isTTY, columns, write: async (chunk) => void (out += chunk.toString()) },
        stderr: { isTTY, columns, write: (text) => void (err += text) },
        fetch,
        clock: new FakeClock(),
        uuid: () => 'a-uuid',
        ask: async (question) => ((err += question), answers.shift() ?? null),
        isAlive: () => false,
        runProgram: async () => 0,
        signal: ended.signal,
        out: () => out,
        err: () => err,
        interrupt: (by) => ended.abort(by),
    };
}

export const cli = (shell: Shell, ...args: string[]): Promise<number> => runCli(shell, args, '1.2.3');

export const json = (document: unknown, status = 200): Response =>
    new Response(JSON.stringify(document), {
        status,
        headers: { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' },
    });

/** A job as the API shows it. */
export const job = (fields: object = {}): object => ({
    ...{
        id: 'j1',
        name: 'n',
        state: 'running',
        allowed: ['pause', 'cancel'],
        ended: false,
        createdAt: '1970-01-01T00:00:00.000Z',
        entered: {},
    },
    counts: { total: 100, succeeded: 10, failed: 0, skipped: 0, cancelled: 0, expired: 0, retries: 0, pending: 90, invalid: 0 },
    ...{ rate: 5, eta: null, workers: {}, calls: {}, limiter: { name: null }, failures: [], repairs: 0, limits: {}, tags: {}, links: {} },
    ...fields,
});
