// The command line against the local host: a job to its end with each exit code, with and without a terminal.
import { writeFileSync, mkdirSync, existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { FanfoldClient } from '../../src/client';
import { startHost, type RunningHost } from '../support/host';
import { until } from '../support/until';
import { root, run, start, startOnTerminal, startTestTarget, useFolder, writeRows, type TestTarget } from './support';

const folder = useFolder();
let host: RunningHost;
let target: TestTarget;
let env: Record<string, string>;
let client: FanfoldClient;
beforeAll(async () => {
    [host, target] = await Promise.all([startHost({ app: root, auth: true }), startTestTarget()]);
    env = { FANFOLD_URL: `${host.url}/api`, FANFOLD_KEY: host.key! };
    client = new FanfoldClient({ url: host.url, key: host.key });
});
afterAll(async () => {
    await host?.stop();
    await target?.stop();
});

const idIn = (text: string): string => /Started job ([\w-]+)/.exec(text)![1]!;

describe('a job is run to its end', () => {
    test('0: all items succeed; data alone on standard output, plain lines on the other, no control characters', async () => {
        const rows = writeRows(path.join(folder, 'good.csv'), 40);
        const done = await run(
            folder,
            ['run', rows, '--post', `${target.url}/x/{id}`, '--name', 'good', '--tag', 'a=b', '--wait', '-o', 'json'],
            { env },
        );
        expect([done.code, done.stderr]).toEqual([0, expect.stringContaining('Completed: all of 40 items succeeded.')]);
        expect(JSON.parse(done.stdout)).toMatchObject({
            name: 'good',
            state: 'completed',
            outcome: 'succeeded',
            counts: { total: 40 },
            tags: { a: 'b' },
        });
        // eslint-disable-next-line no-control-regex
        expect(done.stdout + done.stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
        // Its job was started: nothing is left to go on with.
        expect(JSON.parse(readFileSync(path.join(folder, 'state/fanfold/uploads.json'), 'utf8'))).toEqual({});
    });

    test('3: some items fail', async () => {
        const rows = writeRows(path.join(folder, 'partial.csv'), 20, (n) => n === 7);
        const done = await run(folder, ['run', rows, '--put', `${target.url}/p/{id}`, '--key', 'id', '--wait'], { env });
        expect([done.code, done.stderr]).toEqual([3, expect.stringMatching(/1 of 20 items failed:\n {2}1 × HTTP_STATUS/)]);
        const id = idIn(done.stderr);
        const failed = await run(folder, ['jobs', 'results', id, '--outcome', 'failed', '-o', 'csv'], { env });
        expect(failed.stdout.split('\n')).toEqual([
            expect.stringMatching(/^index,key,outcome/),
            expect.stringMatching(/^7,fail7,failed/),
            '',
        ]);
        const item = await run(folder, ['jobs', 'items', id, '--key', 'fail7', '-o', 'ndjson'], { env });
        expect(JSON.parse(item.stdout)).toMatchObject({ index: 7, state: 'failed' });
        expect(target.calls.filter(({ url }) => url === '/p/row3').map(({ method }) => method)).toEqual(['PUT']);
    });

    test('1 of a job that fails, with its error', async () => {
        writeFileSync(path.join(folder, 'bad.csv'), 'id,name\n1,a\n2\n');
        const done = await run(folder, ['run', 'bad.csv', '--post', `${target.url}/x/{id}`, '--wait'], { env });
        expect([done.code, done.stderr]).toEqual([1, expect.stringContaining('The job has failed: ')]);
    });

    test('4 without the right key, and what to do', async () => {
        const rows = path.join(folder, 'good.csv');
        const none = await run(folder, ['run', rows, '--post', `${target.url}/x/{id}`], { env: { FANFOLD_URL: host.url } });
        expect([none.code, none.stderr]).toEqual([4, expect.stringContaining('FANFOLD_KEY')]);
        const wrong = await run(folder, ['jobs', 'list'], { env: { ...env, FANFOLD_KEY: 'wrong' } });
        expect([wrong.code, wrong.stderr]).toEqual([4, expect.stringContaining('The key or token of FANFOLD_KEY')]);
    });

    test('5 with every pointer, before anything is sent', async () => {
        const rows = path.join(folder, 'good.csv');
        const bad = await run(folder, ['run', rows, '--post', `${target.url}/x/{nothing`, '--concurrency', '1000', '--key', 'id ||'], {
            env,
        });
        expect(bad.code).toBe(5);
        expect(bad.stderr).toMatch(/\/concurrency\/max: .*; allowed: at most 512/);
        expect(bad.stderr).toMatch(/nothing was stored/);
        expect(bad.stderr).not.toMatch(/uploading/);
        const own = await run(folder, ['run', '-', '--post', `${target.url}/x`], { env });
        expect([own.code, own.stderr]).toEqual([5, expect.stringContaining('--format')]);
    });

    test('6 of a job that its budget pauses; resumed and cancelled it is 2; the way on is said', async () => {
        const rows = writeRows(path.join(folder, 'budget.csv'), 400, (n) => n < 100);
        const done = await run(folder, ['run', rows, '--post', `${target.url}/x/{id}`, '--budget', '5', '--concurrency', '2', '--wait'], {
            env,
        });
        expect([done.code, done.stderr]).toEqual([6, expect.stringContaining('The job is paused')]);
        const id = idIn(done.stderr);
        expect(done.stderr).toContain(`fanfold jobs resume ${id}`);
        const refused = await run(folder, ['jobs', 'cancel', id], { env });
        expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/items without an outcome[^]*--yes/)]);
        const cancelled = await run(folder, ['jobs', 'cancel', id, '--yes', '--reason', 'enough'], { env });
        expect(cancelled.code).toBe(0);
        const watched = await run(folder, ['jobs', 'watch', id], { env });
        expect([watched.code, watched.stderr]).toEqual([2, expect.stringContaining('The job was cancelled.')]);
        const told = await run(folder, ['jobs', 'timeline', id, '-o', 'csv'], { env });
        expect(told.stdout).toMatch(/,move,"?cancel, by: api, reason: enough/);
    });

    test('124 when the wait is over; the job goes on', async () => {
        target.delayMs = 300;
        const rows = writeRows(path.join(folder, 'slow.csv'), 300);
        const done = await run(
            folder,
            ['run', rows, '--post', `${target.url}/x/{id}`, '--rate', '5/s', '--wait', '--timeout', '3s', '-o', 'json'],
            { env },
        );
        target.delayMs = 1;
        expect([done.code, done.stderr]).toEqual([124, expect.stringContaining('the job goes on')]);
        const { id } = JSON.parse(done.stdout) as { id: string };
        const paused = await run(folder, ['jobs', 'pause', id, '-o', 'json'], { env });
        expect(JSON.parse(paused.stdout)).toMatchObject({ id, allowed: expect.arrayContaining(['resume']) });
        await client.cancelJob(id);
    });

    test('without --wait the id is all that standard output has', async () => {
        const rows = path.join(folder, 'good.csv');
        const done = await run(folder, ['run', rows, '--get', `${target.url}/x/{id}`, '--keep', 'none'], { env });
        expect(done.code).toBe(0);
        expect(done.stdout).toMatch(/^[\w-]{36}\n$/);
        expect(done.stderr).toContain(`fanfold jobs watch ${done.stdout.trim()}`);
        expect((await run(folder, ['jobs', 'watch', done.stdout.trim(), '-o', 'none'], { env })).code).toBe(0);
        const verified = await run(folder, ['jobs', 'verify', done.stdout.trim(), '-o', 'json'], { env });
        expect([verified.code, JSON.parse(verified.stdout)]).toEqual([0, expect.objectContaining({ ok: true })]);
    });
});

test('standard input is a file that is gone afterwards, and every digit of a spec arrives', async () => {
    const spec = { source: { items: [] }, process: { http: { url: `${target.url}/y/{id}`, headers: { 'x-a': 'b' } } } };
    writeFileSync(
        path.join(folder, 'spec.json'),
        JSON.stringify(spec).replace('"items":[]', '"items":[{"id":9007199254740993},{"id":1.10}]'),
    );
    const whole = await run(folder, ['run', '--spec', 'spec.json', '--name', 'digits', '--wait', '-o', 'json'], { env });
    expect([whole.code, whole.stderr]).toEqual([0, expect.anything()]);
    expect(target.calls.filter(({ url }) => url.startsWith('/y/')).map(({ url }) => url)).toEqual(
        expect.arrayContaining(['/y/9007199254740993', '/y/1.10']),
    );
    const { id } = JSON.parse(whole.stdout) as { id: string };
    expect((await run(folder, ['jobs', 'items', id, '0', '-o', 'json'], { env })).stdout).toContain('9007199254740993');

    const piped = await run(
        folder,
        ['run', '-', '--format', 'ndjson', '--spec', 'spec.json', '--header', 'x-c: d', '--wait', '-o', 'none'],
        {
            env,
            input: '{"id":"p1"}\n{"id":"p2"}\n',
        },
    );
    expect([piped.code, piped.stdout]).toEqual([0, '']);
    expect(target.calls.find(({ url }) => url === '/y/p1')!.headers).toMatchObject({ 'x-a': 'b', 'x-c': 'd' });
    expect(readdirSync(folder).filter((name) => name.startsWith('fanfold-'))).toEqual([]);
});

describe('on a terminal', () => {
    test('a canary is shown and asked about; approved, the job runs to its end under one line that is drawn anew', async () => {
        const rows = writeRows(path.join(folder, 'canary.csv'), 300, (n) => n === 1);
        const shown = startOnTerminal(
            folder,
            ['run', rows, '--post', `${target.url}/x/{id}`, '--rate', '100/s', '--canary', '5', '--wait'],
            { env },
        );
        const said = await shown.says('[l]ater: ');
        expect(said).toMatch(/The canary of 5 items has come to its end: 4 succeeded, 1 failed/);
        expect(said).toContain('HTTP_STATUS');
        expect(said).toMatch(/The rest, 295 items, is likely to take/);
        shown.child.stdin.write('a\n');
        const { code, stdout } = await shown.ended;
        expect(code).toBe(3);
        expect(stdout).toContain('\r\u001b[K');
        expect(stdout).toMatch(/█+.*\d+ %.* · \d+\/300/);
    });

    test('no colours with NO_COLOR, and none of them is left out otherwise', async () => {
        const [coloured, plain] = await Promise.all([
            startOnTerminal(folder, ['jobs', 'list', '--limit', '3'], { env }).ended,
            startOnTerminal(folder, ['jobs', 'list', '--limit', '3'], { env: { ...env, NO_COLOR: '1' } }).ended,
        ]);
        expect(coloured.stdout).toContain('\u001b[1m');
        expect(plain.stdout).not.toContain('\u001b[');
    });

    test('Ctrl-C leaves the job running, and says how to go on', async () => {
        const rows = writeRows(path.join(folder, 'ctrl-c.csv'), 300);
        const shown = startOnTerminal(folder, ['run', rows, '--post', `${target.url}/x/{id}`, '--rate', '5/s', '--wait'], { env });
        const id = idIn(await shown.says(/running/));
        shown.child.stdin.write('\u0003');
        const { code, stdout } = await shown.ended;
        expect([code, stdout]).toEqual([130, expect.stringContaining(`fanfold jobs watch ${id}`)]);
        expect(stdout).toContain(`fanfold jobs cancel ${id}`);
        expect((await client.getJob(id)).ended).toBe(false);
        const no = startOnTerminal(folder, ['jobs', 'cancel', id], { env });
        await no.says('[y/N]');
        no.child.stdin.write('n\n');
        expect([(await no.ended).code, (await client.getJob(id)).state]).toEqual([1, 'running']);
        const yes = startOnTerminal(folder, ['jobs', 'cancel', id], { env });
        await yes.says('[y/N]');
        yes.child.stdin.write('y\n');
        expect((await yes.ended).code).toBe(0);
    });
});

test('without a terminal a canary is waited for; rejected by somebody, it is 6', async () => {
    const rows = writeRows(path.join(folder, 'reject.csv'), 30);
    const waiting = start(folder, ['run', rows, '--post', `${target.url}/x/{id}`, '--canary', '3', '--wait'], { env, input: null });
    const id = idIn(await waiting.says('jobs approve'));
    await client.rejectJob(id);
    expect(await waiting.ended).toMatchObject({ code: 6, stderr: expect.stringContaining('its canary was rejected') });
});

test('SIGTERM is 143', async () => {
    const rows = writeRows(path.join(folder, 'term.csv'), 300);
    const waiting = start(folder, ['run', rows, '--post', `${target.url}/x/{id}`, '--rate', '5/s', '--wait'], { env, input: null });
    const id = idIn(await waiting.says('Started job'));
    await waiting.says(/running|planning/);
    waiting.child.kill('SIGTERM');
    expect((await waiting.ended).code).toBe(143);
    await client.cancelJob(id);
    await until(async () => (await client.getJob(id)).ended);
});

test('limiters and uploads', async () => {
    const set = await run(
        folder,
        ['limiters', 'set', 'api.example.com', '--rate', '50/s', '--rate', '10000/day', '--in-flight', '64', '-o', 'json'],
        { env },
    );
    expect([set.code, JSON.parse(set.stdout)]).toEqual([
        0,
        expect.objectContaining({ name: 'api.example.com', inFlight: expect.objectContaining({ limit: 64 }) }),
    ]);
    expect((await run(folder, ['limiters', 'list'], { env })).stdout).toMatch(/api\.example\.com {2}50\/s 10000\/day/);
    expect((await run(folder, ['limiters', 'get', 'api.example.com', '-o', 'csv'], { env })).stdout.split('\n')[1]).toMatch(
        /^api\.example\.com,/,
    );
    expect((await run(folder, ['limiters', 'set', 'x', '--rate', 'fast'], { env })).code).toBe(5);

    const added = await run(folder, ['uploads', 'add', path.join(folder, 'good.csv'), '-o', 'json'], { env });
    const { id } = JSON.parse(added.stdout) as { id: string };
    expect((await run(folder, ['uploads', 'get', id], { env })).stdout).toMatch(/complete +true/);
    expect((await run(folder, ['uploads', 'delete', id], { env })).code).toBe(1);
    expect((await run(folder, ['uploads', 'delete', id, '--yes'], { env })).code).toBe(0);
    expect(await run(folder, ['uploads', 'get', id], { env })).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('No such upload'),
    });
});

test('a profile names host and key, and its key goes to no other host', async () => {
    mkdirSync(path.join(folder, 'config/fanfold'), { recursive: true });
    writeFileSync(path.join(folder, 'config/fanfold/dev.key'), `${host.key}\n`);
    writeFileSync(
        path.join(folder, 'config/fanfold/config.json'),
        JSON.stringify({ profile: 'dev', profiles: { dev: { url: host.url, keyFile: 'dev.key' } } }),
    );
    expect(existsSync(path.join(folder, 'good.csv'))).toBe(true);
    expect((await run(folder, ['jobs', 'list', '-o', 'none'])).code).toBe(0);
    const elsewhere = await run(folder, ['jobs', 'list', '--url', target.url]);
    expect(elsewhere.stderr).toContain(`is not sent to ${target.url}`);
    expect(target.calls.filter(({ headers }) => headers['x-functions-key'])).toEqual([]);
    expect(await run(folder, ['jobs', 'list', '--profile', 'prod'])).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('There are: dev.'),
    });
});
