// A watch: what it shows of a job, how it ends, and what it bears.
import { Interrupted } from '../../../src/cli/errors';
import { cli, fakeShell, job, json, type Asked, type FakeShell } from './shell';

/** Answers one after the other, the last again and again; an error is a connection that is refused. */
function watch(
    answers: (object | Error)[],
    { args = [], ...asked }: Asked & { args?: string[] } = {},
): { shell: FakeShell; code: Promise<number>; urls: string[] } {
    const urls: string[] = [];
    const shell = fakeShell(async (url, init) => {
        urls.push(`${init.method} ${url.replace('http://localhost:7071/api', '')}`);
        if (init.method === 'POST') return json(job());
        const answer = answers.length > 1 ? answers.shift()! : answers[0]!;
        if (answer instanceof Error) throw answer;
        return 'status' in answer ? json(answer, answer.status as number) : json(answer);
    }, asked);
    return { shell, urls, code: cli(shell, 'jobs', 'watch', 'j1', '-o', 'none', ...args) };
}

const ended = (fields: object) => job({ ended: true, allowed: [], ...fields });

test.each<[string, object, number]>([
    ['completed', ended({ state: 'completed', outcome: 'succeeded' }), 0],
    ['failed', ended({ state: 'failed', error: { code: 'BAD_ROWS', message: 'bad' } }), 1],
    ['expired', ended({ state: 'expired', ending: 'expired', endedBy: 'deadline' }), 1],
    ['cancelled', ended({ state: 'cancelled', endedBy: 'cancel' }), 2],
    ['partial', ended({ state: 'completed', outcome: 'partial' }), 3],
    ['rejected', ended({ state: 'cancelled', endedBy: 'reject' }), 6],
    ['ended by its budget', ended({ state: 'cancelled', endedBy: 'budget' }), 6],
    ['paused by its budget', job({ state: 'paused', waiting: { code: 'BUDGET', for: 'somebody to resume it', until: null } }), 6],
    ['paused', job({ state: 'paused' }), 6],
    ['not allowed', { status: 403, code: 'FORBIDDEN', title: 't', detail: 'd' }, 4],
    ['not there', { status: 404, code: 'JOB_NOT_FOUND', title: 't', detail: 'd' }, 1],
])('%s', async (_, answer, code) => expect(await watch([answer]).code).toBe(code));

test('what others say in its ending moves no cursor and begins no line, and ends with one full stop', async () => {
    const evil = '\u001b[2J\n';
    const failures = [{ count: 1, share: 1, code: `C${evil}`, message: `m${evil}`, fingerprint: `f${evil}` }];
    const counts = { total: 1, succeeded: 0, failed: 1, skipped: 0, cancelled: 0, expired: 0, retries: 0, pending: 0, invalid: 0 };
    const partial = watch([ended({ state: 'completed', outcome: 'partial', counts, failures })]);
    expect(await partial.code).toBe(3);
    expect(partial.shell.err()).toContain('  1 × C␛[2J␊ m␛[2J␊ (f␛[2J␊)\n');
    const failed = watch([ended({ state: 'failed', error: { code: `C${evil}`, message: 'Correct it.' } })]);
    expect(await failed.code).toBe(1);
    expect(failed.shell.err()).toContain('The job has failed: C␛[2J␊: Correct it.\n');
});

test('a host that goes and comes back is ridden out, and said so', async () => {
    const gone = new Error('gone');
    const { shell, code } = watch([
        job(),
        gone,
        gone,
        gone,
        gone,
        gone,
        { status: 503, title: 't' },
        ended({ state: 'completed', outcome: 'succeeded' }),
    ]);
    await shell.clock.pass(60_000);
    expect(await code).toBe(0);
    expect(shell.err()).toMatch(/no answer from http:\/\/localhost:7071 for \d+ s, trying again \(gone\)/);
    expect(shell.err()).toContain('answers again');
});

test('a host that nobody has reached yet is an error, with what to do', async () => {
    const { shell, code } = watch([
        Object.assign(new TypeError('fetch failed'), { cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) }),
    ]);
    expect(await code).toBe(1);
    expect(shell.err()).toMatch(/The URL is http:\/\/localhost:7071, from the default\.\n.*fanfold dev/);
});

test('without a terminal a line comes with each state, and else every ten seconds at most', async () => {
    const counts = (succeeded: number) => job({ counts: { ...(job() as { counts: object }).counts, succeeded } });
    const { shell, code } = watch([
        job({ state: 'planning' }),
        ...Array.from({ length: 30 }, (_, n) => counts(n)),
        ended({ state: 'completed', outcome: 'succeeded' }),
    ]);
    await shell.clock.pass(200_000);
    expect(await code).toBe(0);
    const lines = shell
        .err()
        .split('\n')
        .filter((line) => line.startsWith('running'));
    expect(lines.length).toBeGreaterThan(5);
    expect(lines.length).toBeLessThanOrEqual(16);
    for (const control of ['\r', '\u001b']) expect(shell.err()).not.toContain(control);
});

test('the wait is over: 124', async () => {
    const { shell, code } = watch([job()], { args: ['--timeout', '90s'] });
    await shell.clock.pass(90_001);
    expect([await code, shell.err()]).toEqual([124, expect.stringContaining('fanfold jobs watch j1')]);
});

test('interrupted: 130, and how to go on at the same host', async () => {
    const { shell, code } = watch([job()], { args: ['--url', 'http://localhost:7071'] });
    await shell.clock.pass(1_000);
    shell.interrupt(new Interrupted('SIGINT'));
    expect([await code, shell.err()]).toEqual([130, expect.stringContaining('fanfold --url http://localhost:7071 jobs cancel j1')]);
});

const canary = job({
    state: 'awaitingApproval',
    canary: { items: 5, counts: { succeeded: 5, failed: 0, retries: 0 }, failures: [], latency: null, samples: [], estimate: null },
});
const good = ended({ state: 'completed', outcome: 'succeeded' });

test.each<[string, string[], string]>([
    ['approves', ['?', 'a'], 'POST /jobs/j1/approve'],
    ['rejects', ['reject'], 'POST /jobs/j1/reject'],
])('somebody %s on a terminal', async (_, answers, request) => {
    const { shell, code, urls } = watch([canary, good], { isTTY: true, answers });
    await shell.clock.pass(10_000);
    expect([await code, urls]).toEqual([0, expect.arrayContaining([request])]);
});

test('nobody is asked without a terminal; --yes approves', async () => {
    const asked = watch([canary, canary, good]);
    await asked.shell.clock.pass(30_000);
    expect([await asked.code, asked.urls.filter((url) => url.startsWith('POST'))]).toEqual([0, []]);
    expect(asked.shell.err().match(/jobs approve j1/g)).toHaveLength(1);
    const told = watch([canary, good], { args: ['--yes', '--reason', 'good'] });
    await told.shell.clock.pass(10_000);
    expect([await told.code, told.urls]).toEqual([0, expect.arrayContaining(['POST /jobs/j1/approve'])]);
});

test('a host that is away when the canary is decided is ridden out', async () => {
    let posts = 0;
    const shell = fakeShell(async (_, { method }) => {
        if (method !== 'POST') return json(posts > 3 ? good : canary);
        if (++posts > 3) return json(job());
        throw Object.assign(new TypeError('fetch failed'), { cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) });
    });
    const code = cli(shell, 'jobs', 'watch', 'j1', '-o', 'none', '--yes');
    await shell.clock.pass(60_000);
    expect([await code, posts]).toEqual([0, 4]);
    expect(shell.err().match(/trying again/g)).toHaveLength(1);
});

test.each([40, 60, 80, 120, 200])('the line fits into %d columns, and what others say cannot move the cursor', async (columns) => {
    const busy = job({
        counts: {
            total: 1_000_000,
            succeeded: 123_456,
            failed: 17,
            skipped: 0,
            cancelled: 0,
            expired: 0,
            retries: 42,
            pending: 1,
            invalid: 3,
        },
        rate: 164.3,
        eta: {
            earliest: '1970-01-01T00:10:00.000Z',
            latest: '1970-01-01T00:20:00.000Z',
            reason: 'the limiter \u001b[2Jx allows 50 calls/s',
        },
        waiting: { code: 'NO_SHARE', for: 'a share of api.example.com', until: '1970-01-01T00:01:00.000Z' },
    });
    const { shell, code } = watch([busy, good], { isTTY: true, columns, env: { NO_COLOR: '1' } });
    await shell.clock.pass(10_000);
    expect(await code).toBe(0);
    const lines = shell
        .err()
        .split('\r\u001b[K')
        .map((line) => line.replaceAll('\u001b[?7l', '').replaceAll('\u001b[?7h', '').split('\n')[0]!);
    expect(Math.max(...lines.filter((line) => line.startsWith('running')).map((line) => [...line].length))).toBeLessThan(columns);
    expect(shell.err()).not.toContain('\u001b[2J');
    expect(lines.some((line) => line.includes('123,473/1,000,000'))).toBe(true);
});
