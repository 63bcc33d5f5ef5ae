// The tree of commands, and what every command has in common.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Interrupted } from '../../../src/cli/errors';
import { tableOf } from '../../../src/cli/output/table';
import { cli, fakeShell, job, json } from './shell';

const nobody = async (): Promise<Response> => Promise.reject(new Error('nobody is to be asked'));

test.each([
    [[], 0, /^Usage: fanfold \[options\]/],
    [['jobs'], 0, /^Usage: fanfold jobs/],
    [['jobs', 'get', '--help'], 0, /Example:\n {2}\$ fanfold jobs get/],
    [['--version'], 0, /^1\.2\.3\n$/],
])('fanfold %j', async (args, code, text) => {
    const shell = fakeShell(nobody);
    expect([await cli(shell, ...args), shell.out(), shell.err()]).toEqual([code, expect.stringMatching(text), '']);
});

test.each([
    [['jobbs'], /unknown command 'jobbs'\n\(Did you mean jobs\?\)/],
    [['jobs', 'get'], /missing required argument 'id'/],
    [['jobs', 'list', '-o', 'xml'], /Allowed choices are table, json, ndjson, csv, none/],
    [['jobs', 'list', '--limit', '0'], /whole number, at least 1/],
    [['jobs', 'watch', 'x', '--timeout', 'soon'], /is no duration; allowed: 90s/],
    [['run', 'rows.csv', '--post', 'u', '--timeout', '1m'], /add --wait/],
    [['run', '--post', 'http://h/{id}'], /There is nothing to read/],
    [['run', 'gone.csv', '--post', 'http://h/{id}'], /gone\.csv cannot be read: there is no such file/],
    [['run', '-', '--spec', '-'], /not both/],
    [['jobs', 'items', 'x'], /by its index, or by --key/],
    [['limiters', 'set', 'x'], /Nothing is to be set/],
])('wrong use: %j', async (args, text) => {
    const shell = fakeShell(nobody);
    expect([await cli(shell, ...args), shell.out(), shell.err()]).toEqual([1, '', expect.stringMatching(text)]);
});

describe('the forms of data', () => {
    const jobs = [job({ name: 'a "b",\u001b[2J' }), job({ id: 'j2' })];
    const list = async (form: string): Promise<string> => {
        const shell = fakeShell(async () => json({ jobs }));
        expect(await cli(shell, 'jobs', 'list', '-o', form)).toBe(0);
        return shell.out();
    };

    test('json, ndjson and csv are read back', async () => {
        expect(JSON.parse(await list('json'))).toEqual(jobs);
        expect(
            (await list('ndjson'))
                .trim()
                .split('\n')
                .map((line) => JSON.parse(line) as unknown),
        ).toEqual(jobs);
        const [head, first] = (await list('csv')).split('\n');
        expect([head, first]).toEqual([expect.stringMatching(/^id,name,state/), expect.stringMatching(/^j1,"a ""b"",/)]);
    });

    test('a table has a head and cuts nothing where it is piped; nothing is nothing', async () => {
        const table = await list('table');
        expect(table.split('\n')).toHaveLength(4);
        expect(table).toContain('a "b",␛[2J');
        expect(await list('none')).toBe('');
    });
});

test('what has no form is told with its status and where the URL came from', async () => {
    const shell = fakeShell(async () => new Response('<h1>nginx</h1>', { status: 404 }), { env: { FANFOLD_URL: 'http://proxy' } });
    expect(await cli(shell, 'jobs', 'get', 'x')).toBe(1);
    expect(shell.err()).toMatch(
        /answered 404: <h1>nginx<\/h1>\nThis is no answer of Fanfold\. The URL is http:\/\/proxy, from FANFOLD_URL/,
    );
});

test('errors name each place, what is allowed, and the remedy; --verbose shows where from', async () => {
    const problem = {
        code: 'BAD_SPEC',
        title: 'Bad',
        detail: 'd',
        status: 400,
        remedy: 'Correct it.',
        errors: [{ pointer: '/a', message: 'wrong', allowed: '1 to 2' }],
    };
    const shell = fakeShell(async () => json(problem, 400));
    expect(await cli(shell, 'jobs', 'verify', 'x', '--verbose')).toBe(5);
    expect(shell.err()).toMatch(/^fanfold: Bad:\n {2}\/a: wrong; allowed: 1 to 2\nCorrect it\.\nApiError: [^]* at /);
});

describe('who is not let in is told which of the keys it is about, and the program ends with 4', () => {
    const refused = (code: string, status: number) => ({ code, title: 'No', detail: 'd', status, remedy: 'r' });
    const FANFOLD_APP_KEY = 'an-app-key';
    test.each<[string, number, string | null, Record<string, string>, RegExp]>([
        ['the app, no key', 401, 'KEY_REQUIRED', { FANFOLD_KEY: 'k' }, /No key of the app was sent.*FANFOLD_APP_KEY/],
        [
            'the app, a wrong key',
            401,
            'KEY_REQUIRED',
            { FANFOLD_APP_KEY },
            /The key of the app of FANFOLD_APP_KEY was sent to http:\/\/localhost:7071/,
        ],
        ['the app, a low level', 403, 'LEVEL_TOO_LOW', { FANFOLD_APP_KEY }, /FANFOLD_APP_KEY to a key of that level/],
        ['the platform, no key', 401, null, { FANFOLD_APP_KEY }, /No key was sent: set FANFOLD_KEY/],
        ['the platform, a wrong key', 401, null, { FANFOLD_KEY: 'k' }, /The key or token of FANFOLD_KEY was sent/],
    ])('%s', async (_, status, code, env, told) => {
        const shell = fakeShell(async () => (code ? json(refused(code, status), status) : new Response(null, { status })), { env });
        expect(await cli(shell, 'jobs', 'get', 'x')).toBe(4);
        expect(shell.err()).toMatch(told);
        expect(shell.err()).not.toContain('an-app-key');
    });

    test('the key of the app is sent beside the function key', async () => {
        const sent: Headers[] = [];
        const fetch = async (_: string, init?: RequestInit) => (sent.push(new Headers(init?.headers)), json({}, 404));
        await cli(fakeShell(fetch, { env: { FANFOLD_KEY: 'k', FANFOLD_APP_KEY } }), 'jobs', 'get', 'x');
        expect([sent[0]!.get('x-functions-key'), sent[0]!.get('x-fanfold-key')]).toEqual(['k', FANFOLD_APP_KEY]);
    });
});

test.each(['bash', 'zsh', 'fish'])('a completion for %s knows commands, options, values and files', async (name) => {
    const shell = fakeShell(nobody);
    expect(await cli(shell, 'completion', name)).toBe(0);
    for (const word of ['timeline', 'fingerprint', 'ndjson', 'awaitingApproval']) expect(shell.out()).toContain(word);
});

test('what others say moves no cursor: not in an error, not with --verbose, not as the name of a file', async () => {
    const evil = '\u001b[2J\u009b2J';
    const problem = { code: `X${evil}`, title: `t${evil}`, detail: `d${evil}`, status: 404, remedy: `r${evil}` };
    for (const args of [
        ['jobs', 'get', 'x', '--verbose'],
        ['run', `no${evil}.csv`, '--post', 'http://h/'],
    ]) {
        const shell = fakeShell(async () => json(problem, 404));
        expect(await cli(shell, ...args)).toBe(1);
        // eslint-disable-next-line no-control-regex
        expect(shell.err()).not.toMatch(/[\u001b\u009b]/);
    }
});

test.each([
    ['jobs', 'get', ''],
    ['jobs', 'cancel', '..', '--yes'],
    ['uploads', 'get', '..'],
    ['limiters', 'set', '.', '--in-flight', '1'],
])('%s %s %j asks for nothing else than it says', async (...args) => {
    const asked: string[] = [];
    const shell = fakeShell(async (url) => (asked.push(url), json({})));
    expect([await cli(shell, ...args), asked]).toEqual([1, []]);
    expect(shell.err()).toContain('No id and no name is empty');
});

test('interrupted while a job is started, it says that there may be one, and how to have it once', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'fanfold-spec-'));
    const file = path.join(folder, 'spec.json');
    writeFileSync(file, '{"source":{"items":[1]},"process":{"http":{"url":"http://h/"}}}');
    let asked = (): void => undefined;
    const isAsked = new Promise<void>((resolve) => (asked = resolve));
    const shell = fakeShell(
        (_, { signal }) =>
            new Promise((__, reject) => {
                signal!.addEventListener('abort', () => reject(signal!.reason as Error));
                asked();
            }),
    );
    const code = cli(shell, 'run', '--spec', file);
    await isAsked;
    shell.interrupt(new Interrupted('SIGINT'));
    expect(await code).toBe(130);
    expect(shell.err()).toMatch(/Whether the job was started is not known\.[^]*fanfold jobs list[^]*--idempotency-key a-uuid/);
    rmSync(folder, { recursive: true });
});

test('a table of very many rows is written', () => {
    const rows = Array.from({ length: 200_000 }, (_, n) => [n]);
    const text = tableOf([{ name: 'n', right: true }], rows, { form: 'table', stdout: fakeShell(nobody).stdout, hasColours: false });
    expect(text.length).toBe('     n\n'.length * 200_001);
});
