// Secrets are planted wherever one may be, jobs succeed, fail, hang and crash with them, and then everything that was kept, printed or answered is searched.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { emulatorConnection } from '../../devhost/azurite';
import { routes } from '../../src/api/routes';
import { FanfoldClient, type Job, type JobSpec } from '../../src/client';
import { root, run, useFolder, writeRows } from '../cli/support';
import { plant, type Canary } from '../support/canaries/canary';
import { startEchoTarget, type EchoTarget } from '../support/canaries/echoTarget';
import { Search, type Find } from '../support/canaries/search';
import { startHost, type RunningHost } from '../support/host';
import { until } from '../support/until';
import { untilEnded } from '../support/untilEnded';

const HEADER = 'x-token';
const secret = plant('the secret of jobs');
const renewed = plant('the secret after it was renewed');
const bearer = plant('the secret with a scheme', 'Bearer canary');
const unlisted = plant('a setting that no job may name');
const cookie = plant('the credentials that the target hands out');
const appKeys = { operate: plant('a key of an operator'), old: plant('a key that is taken back'), fresh: plant('a key that comes for it') };
const clear = plant('a header that is written out in a spec');
const wrongKey = plant('a key that nobody has');
const inUrl = plant('a key in a URL');
/** The account key of the emulator is known to all, and is to be found no more than that of an account. */
const accountKey: Canary = {
    name: 'the account key',
    value: /AccountKey=([^;=]+)/.exec(emulatorConnection({ blob: 1, queue: 1, table: 1 }))![1]!,
};
const never = [secret, renewed, bearer, unlisted, cookie, ...Object.values(appKeys), wrongKey, inUrl, accountKey];

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const env: Record<string, string> = {
    FANFOLD_SECRETS: 'TOKEN, SCHEME, GONE',
    TOKEN: secret.value,
    SCHEME: bearer.value,
    GONE: secret.value,
    OTHER: unlisted.value,
    FANFOLD_KEYS: `op:admin:${sha256(appKeys.operate.value)},old:operate:${sha256(appKeys.old.value)}`,
};

const folder = useFolder();
const printed: string[] = [];
const answered: { what: string; text: string }[] = [];
let host: RunningHost;
let target: EchoTarget;
beforeAll(async () => {
    target = await startEchoTarget(HEADER, cookie.value);
    host = await startHost({ app: root, auth: true, env, onOutput: (text) => printed.push(text) });
});
afterAll(async () => {
    await host?.stop();
    await target?.stop();
});

/** Everything that is answered is kept, to be searched: headers too. */
const recording: typeof fetch = async (input, init) => {
    const answer = await fetch(input, init);
    const text = await answer.clone().text();
    const what = `${init?.method ?? 'GET'} ${input instanceof Request ? input.url : String(input)} ${answer.status}`;
    answered.push({ what, text: `${JSON.stringify([...answer.headers])} ${text}` });
    return answer;
};
const clientOf = (appKey: string): FanfoldClient => new FanfoldClient({ url: host.url, key: host.key!, appKey, fetch: recording });

const quick = { attempts: 2, initialDelay: 'PT0.1S', maxDelay: 'PT0.1S' };
const items = [{ id: 1 }, { id: 2 }];
const call = (place: string, more: object = {}, header: unknown = { secret: 'TOKEN' }): JobSpec =>
    ({
        name: place,
        source: { items },
        process: { http: { url: `${target.url}/${place}/{id}`, timeout: 'PT2S', headers: { [HEADER]: header }, ...more } },
        retry: quick,
    }) as JobSpec;

const ask = (route: string, init: RequestInit = {}, key = appKeys.operate.value): Promise<Response> =>
    recording(`${host.url}/api${route}`, { ...init, headers: { 'x-functions-key': host.key!, 'x-fanfold-key': key, ...init.headers } });

/** What is known of a job is read by every route there is. */
async function readAll(id: string): Promise<void> {
    for (const { methods, route } of routes)
        if (methods.includes('GET') && !route.includes('{*path}'))
            for (const query of route.endsWith('results') ? ['', '?format=csv', '?outcome=failed&order=input'] : [''])
                await ask(`/${route.replace('{id}', id).replace('{index}', '0').replace('{name}', '127.0.0.1')}${query}`);
    await ask(`/jobs/${id}/verify`, { method: 'POST' });
}

const ended = (id: string): Promise<Job> => untilEnded(clientOf(appKeys.operate.value), id, { timeoutMs: 60_000 });

/** Each find on one line. */
const told = (finds: readonly Find[]): string[] =>
    finds.map(({ canary, form, place, around }) => `${canary}, ${form}, in ${place}: ${around.replace(/[^\x20-\x7e]/g, '.')}`);

test('the search finds what is planted: in a blob, compressed, in base64, in a row', async () => {
    const planted = plant('planted on purpose');
    const search = new Search([planted]);
    const { gzipSync } = await import('node:zlib');
    const texts = [
        planted.value,
        JSON.stringify({ a: Buffer.from(`xy${planted.value}`).toString('base64') }),
        encodeURIComponent(planted.value),
    ];
    for (const text of texts) {
        search.through('texts', 'plain', Buffer.from(`before ${text} after`));
        search.through('texts', 'packed', Buffer.concat([Buffer.from('junk'), gzipSync(`{"in":"${text}"}`), Buffer.from('junk')]));
    }
    expect(search.finds.map(({ place }) => place)).toEqual(texts.flatMap(() => ['plain', 'packed (unpacked 0)']));
});

test('no secret is in what is kept, printed or answered, however the jobs that use it end', async () => {
    const client = clientOf(appKeys.operate.value);
    const judged = { success: `headers."set-cookie" == 'x' || status == \`200\` && body.plain` };
    const specs: JobSpec[] = [
        ...['echo', 'packed', 'fails', 'refuses', 'moves', 'text', 'hangs', 'breaks', 'lies'].map((place) => call(place)),
        call('echo', judged),
        call('echo', { success: 'to_number(headers."set-cookie") > `1`' }),
        call('echo', { success: 'contains(headers, body.plain)' }),
        call('text', { success: 'body.headers' }),
        call('echo', {}, { secret: 'SCHEME' }),
        call('fails', {}, { secret: 'SCHEME' }),
        call('moves', {}, clear.value),
    ];
    const jobs = await Promise.all(specs.map((spec) => client.startJob(spec)));
    const done = await Promise.all(jobs.map(({ id }) => ended(id)));
    const outcomes = done.map(({ name, outcome }) => `${name} ${outcome}`);
    expect(outcomes).toEqual(
        expect.arrayContaining(['echo succeeded', 'packed succeeded', 'hangs partial', 'lies partial', 'refuses partial']),
    );
    expect(target.came).toEqual(expect.arrayContaining([secret.value, bearer.value]));

    // A process dies while calls with the secret are in flight, and the setting is another when the next one starts: a restart renews it.
    const long = await client.startJob({ ...call('held', { timeout: 'PT60S' }), name: 'crashes' });
    const gone = await client.startJob(call('held', { timeout: 'PT60S' }, { secret: 'GONE' }));
    await until(
        async () => (await client.getJob(long.id)).workers.inFlight === 2 && (await client.getJob(gone.id)).workers.inFlight === 2,
        () => 'the calls are not in flight',
    );
    await host.kill9();
    Object.assign(env, { TOKEN: renewed.value, FANFOLD_SECRETS: 'TOKEN, SCHEME' });
    env.FANFOLD_KEYS = env.FANFOLD_KEYS!.replace(/old:operate:\w+/, `old:operate:${sha256(appKeys.fresh.value)}`);
    await host.restart();
    target.release();
    expect(await ended(long.id)).toMatchObject({ outcome: 'succeeded', counts: { succeeded: 2 } });
    expect(target.came.at(-1)).toBe(renewed.value);
    // What a job has called with the old one is not called with another name: it says which setting is not there.
    expect(await ended(gone.id)).toMatchObject({
        outcome: 'partial',
        failures: [{ code: 'SECRET_MISSING', sample: { message: 'the setting FANFOLD_SECRETS does not list "GONE"' } }],
    });
    // So is a key of the app: the old one opens nothing any more, the one that came for it does.
    expect((await ask('/jobs', {}, appKeys.old.value)).status).toBe(401);
    expect((await ask('/jobs', {}, appKeys.fresh.value)).status).toBe(200);

    // What people do by mistake.
    const json = { 'content-type': 'application/json' };
    const mistakes = await Promise.all([
        ask('/jobs', {}, wrongKey.value),
        ask(`/jobs?code=${inUrl.value}&limit=0`),
        ask(`/jobs/none?key=${inUrl.value}`, { headers: { 'x-request-id': wrongKey.value, cookie: wrongKey.value } }, wrongKey.value),
        ask(`/nowhere?code=${inUrl.value}`, { method: 'PUT', headers: json, body: '{}' }),
        ask('/jobs', { method: 'POST', headers: json, body: JSON.stringify({ source: { items }, process: {}, [`x`]: 1 }) }, wrongKey.value),
        ask('/jobs', { method: 'POST', headers: json, body: JSON.stringify(call('echo', {}, { secret: 'OTHER' })) }),
        ask('/jobs', { method: 'POST', headers: { ...json, 'idempotency-key': '' }, body: '{' }),
    ]);
    expect(mistakes.map(({ status }) => status)).toEqual([401, 400, 401, 404, 401, 400, 400]);

    // The command line, with the keys in its environment.
    const cli = { FANFOLD_URL: `${host.url}/api`, FANFOLD_KEY: host.key!, FANFOLD_APP_KEY: appKeys.operate.value };
    const rows = writeRows(path.join(folder, 'rows.csv'), 5);
    const said = await Promise.all([
        run(folder, ['run', rows, '--post', `${target.url}/echo/{id}`, '--wait'], { env: cli }),
        run(folder, ['jobs', 'list', '-o', 'json'], { env: { ...cli, FANFOLD_APP_KEY: wrongKey.value } }),
        run(folder, ['jobs', 'get', long.id, '-o', 'json'], { env: cli }),
        run(folder, ['jobs', 'results', done[2]!.id, '-o', 'ndjson'], { env: cli }),
    ]);
    expect(said.map(({ code }) => code)).toEqual([0, 4, 0, 0]);

    for (const { id } of [...jobs, long, gone]) await readAll(id);
    await ask('/jobs?limit=100');
    await ask('/openapi.json');

    const search = new Search([...never, { name: 'the function key', value: host.key! }]);
    const inSpecs = new Search([clear]);
    await search.storage(host.storage);
    await inSpecs.storage(host.storage);
    await host.end();
    search.files('files', host.data);
    for (const { what, text } of answered) for (const looking of [search, inSpecs]) looking.through('answers', what, Buffer.from(text));
    // The local host prints the one key that it asks for where nobody else does.
    for (const line of printed
        .join('')
        .replaceAll(/^Function key: \S+$/gm, '')
        .split('\n'))
        for (const looking of [search, inSpecs]) looking.through('lines', 'what the host prints', Buffer.from(line));
    for (const { stdout, stderr } of said) search.through('answers', 'what the command line says', Buffer.from(stdout + stderr));
    search.files('files of the command line', folder);
    // What was looked through: docs/security.md says how much that was.
    for (const kind of ['blobs', 'rows', 'files', 'answers', 'lines']) expect(search.looked[kind]).toBeGreaterThan(10);
    if (process.env.FANFOLD_FIGURES) console.log(search.looked);
    expect(told(search.finds)).toEqual([]);
    // A header that is written out in a spec is none of the secrets: it stands where the spec does.
    expect([...new Set(inSpecs.finds.map(({ place }) => place.replace(jobs.at(-1)!.id, 'ID')))]).toEqual(['fanfold/jobs/ID/spec.json']);
}, 240_000);
