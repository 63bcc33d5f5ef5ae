// What is called is what the item names: the target writes down what comes, to the letter; or the item fails, and nothing comes.
import { startRecorder, type Called, type Recorder } from '../support/recorder';
import { api, body, ended, post, upload, useHost, type Job } from './support';

useHost();

let target: Recorder;
beforeAll(async () => void (target = await startRecorder()));
afterAll(() => target?.stop());

interface Ran {
    job: Job;
    calls: Called[];
    /** Of each item in input order: what was called for it, or the code that it failed with. */
    became: (string | undefined)[];
}

const url = (path: string) => `${target.url}${path}`;

/** Posts a spec as text, so that its digits are those that the test writes. */
async function run(source: string, http: object): Promise<Ran> {
    target.forget();
    const response = await post(
        '/jobs',
        `{"source":${source},"retry":{"attempts":3,"initialDelay":"PT0S"},"process":{"http":${JSON.stringify(http)}}}`,
    );
    const started = (await response.json()) as Job;
    expect([response.status, started.id]).toEqual([202, expect.any(String)]);
    const job = await ended(started.id);
    const { calls } = target;
    const lines = (await (await api(`/jobs/${job.id}/results?order=input`)).text()).split('\n').filter(Boolean);
    const became = lines.map((line, index) => {
        const { attempts, error } = JSON.parse(line) as { attempts: number; error?: { code: string } };
        // What can never be called is not tried again.
        expect(attempts).toBe(1);
        return error?.code ?? calls.find(({ headers }) => headers['idempotency-key']![0] === `${job.id}:${index}`)?.url;
    });
    return { job, calls, became };
}

const items = (...ids: string[]) => `{"items":[${ids.map((id) => `{"id":${id}}`).join()}]}`;

test('nothing is deleted but what the item names', async () => {
    const rows: [string, string][] = [
        ['null', 'URL_VARIABLE'],
        ['""', 'URL_VARIABLE'],
        ['{"a":1}', 'URL_VARIABLE'],
        ['[1,2]', 'URL_VARIABLE'],
        ['[]', 'URL_VARIABLE'],
        ['"."', 'URL_SEGMENT'],
        ['".."', 'URL_SEGMENT'],
        ['"\\u002e."', 'URL_SEGMENT'],
        ['"\\udead"', 'LONE_SURROGATE'],
        ['"a/b"', '/c/a%2Fb'],
        ['"a?b#c"', '/c/a%3Fb%23c'],
        ['"%2e%2e"', '/c/%252e%252e'],
        ['"ü 😀"', '/c/%C3%BC%20%F0%9F%98%80'],
        ['9007199254740993', '/c/9007199254740993'],
        ['1.10', '/c/1.10'],
        ['0', '/c/0'],
        ['false', '/c/false'],
    ];
    const ran = await run(items(...rows.map(([id]) => id)), { method: 'DELETE', url: url('/c/{id}') });
    expect(ran.became).toEqual(rows.map(([, becomes]) => becomes));
    expect(ran.calls.map((call) => call.url).sort()).toEqual(
        rows.flatMap(([, becomes]) => (becomes.startsWith('/') ? [becomes] : [])).sort(),
    );
    // What is wrong with a variable makes a kind of its own each time.
    const counted = new Map<string, number>();
    for (const { code, count } of ran.job.failures) counted.set(code, (counted.get(code) ?? 0) + count);
    expect(Object.fromEntries(counted)).toEqual({ URL_VARIABLE: 5, URL_SEGMENT: 3, LONE_SURROGATE: 1 });
});

test.each<[string, [string, string][]]>([
    [
        '/c/{+id}',
        [
            ['"a/b"', '/c/a/b'],
            ['"a/%2E%2e/b"', 'URL_SEGMENT'],
            ['"../b"', 'URL_SEGMENT'],
            ['"/"', 'URL_VARIABLE'],
            ['"?all=1"', 'URL_VARIABLE'],
            ['"a#b"', 'URL_VARIABLE'],
            ['"%foo"', '/c/%25foo'],
        ],
    ],
    [
        '/c{/id*}',
        [
            ['["a","b c"]', '/c/a/b%20c'],
            ['["a",".."]', 'URL_SEGMENT'],
            ['["a",""]', 'URL_VARIABLE'],
            ['[]', 'URL_VARIABLE'],
            ['"x"', '/c/x'],
        ],
    ],
    [
        '/c{?id}',
        [
            ['null', '/c'],
            ['[]', '/c'],
            ['""', '/c?id='],
            ['1e400', '/c?id=1e400'],
            ['".."', '/c?id=..'],
        ],
    ],
    [
        '/{id}.json',
        [
            ['"x"', '/x.json'],
            ['".."', '/...json'],
            ['""', 'URL_VARIABLE'],
        ],
    ],
])('%s is expanded as RFC 6570 says, or not called', async (template, rows) => {
    const ran = await run(items(...rows.map(([id]) => id)), { method: 'DELETE', url: url(template) });
    expect(ran.became).toEqual(rows.map(([, becomes]) => becomes));
    expect(ran.calls).toHaveLength(rows.filter(([, becomes]) => becomes.startsWith('/')).length);
});

test('columns of any name reach the URL by JMESPath', async () => {
    const file = await upload('Customer ID,alpha-2,Straße\n007,de,Ring 1\n1.10,fr,"Rue, 2"\n', 'columns.csv');
    const vars = { id: '"Customer ID"', country: '"alpha-2"', street: '"Straße"' };
    const ran = await run(JSON.stringify({ upload: file }), { method: 'GET', url: url('/{country}/{id}{?street}'), vars });
    expect(ran.became).toEqual(['/de/007?street=Ring%201', '/fr/1.10?street=Rue%2C%202']);
});

test('a variable that no item has is told in the status, and nothing is called', async () => {
    for (const template of ['/c/{Customer%20ID}', '/c/{id}{?custmer}']) {
        const { job, calls } = await run(items('1', '2'), { url: url(template) });
        expect(job).toMatchObject({
            state: 'failed',
            error: { code: 'VARIABLE_UNKNOWN', message: expect.stringContaining('The first has "id"') },
        });
        expect(calls).toEqual([]);
    }
    const { became } = await run(items('1'), { url: url('/c/{id}{?page}'), optional: ['page'] });
    expect(became).toEqual(['/c/1']);
});

test('digits and names of inline items go out as they came in, and come back so', async () => {
    target.answer = '{"n":1.10,"big":9007199254740993}';
    const { job, calls } = await run('{"items":[{"__proto__":{"x":1.0},"n":1e5,"big":9007199254740993,"half":"\\ud83d"}]}', {
        url: url('/x'),
    });
    expect(calls.map((call) => call.body)).toEqual(['{"__proto__":{"x":1.0},"n":1e5,"big":9007199254740993,"half":"\\ud83d"}']);
    expect(await (await api(`/jobs/${job.id}/items/0`)).text()).toContain('"item":{"__proto__":{"x":1.0},"n":1e5,"big":9007199254740993,');
    expect(await (await api(`/jobs/${job.id}/results?format=csv`)).text()).toContain('"{""n"":1.10,""big"":9007199254740993}"');
});

test.each([
    ['http:/{+host}/x', '/process/http/url'],
    ['https:\\\\{host}', '/process/http/url'],
    ['http://h.example{host}/x', '/process/http/url'],
    ['http://h.example/{#part}', '/process/http/url'],
    ['http://h.example/{id:0}', '/process/http/url'],
    ['http://h.example/{Customer ID}', '/process/http/url'],
])('the template %s is refused when posted', async (template, pointer) => {
    const response = await post('/jobs', { source: { items: [1] }, process: { http: { url: template } } });
    expect(response.status).toBe(400);
    expect(await body(response)).toMatchObject({ code: 'BAD_SPEC', errors: [{ pointer }] });
});

test('an expression that is no standard JMESPath is refused when posted, wherever it stands', async () => {
    const http = {
        url: 'http://h.example/{id}',
        vars: { id: 'upper(id)' },
        body: '{x: customer-id}',
        success: "startswith(body.method, 'P')",
    };
    const refused = await post('/jobs', { source: { items: [1] }, key: 'length(id, id)', process: { http } });
    expect(refused.status).toBe(400);
    const { errors } = (await body(refused)) as { errors: { pointer: string }[] };
    expect(errors.map(({ pointer }) => pointer).sort()).toEqual([
        '/key',
        '/process/http/body',
        '/process/http/success',
        '/process/http/vars/id',
    ]);
    const options = { of: 'sort_by(@, id)' };
    const processor = await post('/jobs', { source: { items: [1] }, process: { processor: 'digest', options } });
    expect(await body(processor)).toMatchObject({ code: 'BAD_SPEC', errors: [{ pointer: '/process/options/of' }] });
});

test('what no job may reach is not called, and fails at once; what only redirects there is not followed', async () => {
    const hosts = [
        '169.254.169.254',
        '168.63.129.16',
        '10.0.0.1',
        '[fd00:ec2::254]',
        '2852039166',
        '0xa9.0xfe.0xa9.0xfe',
        '[::ffff:169.254.169.254]',
    ];
    const source = JSON.stringify({ items: hosts.map((host) => ({ url: `http://${host}/latest/meta-data/` })) });
    const response = await post('/jobs', `{"source":${source},"process":{"processor":"checkLink"}}`);
    const job = await ended(((await response.json()) as Job).id);
    expect(job).toMatchObject({ outcome: 'partial', counts: { failed: hosts.length, retries: 0 } });
    const lines = (await (await api(`/jobs/${job.id}/results`)).text()).split('\n').filter(Boolean);
    const errors = lines.map((line) => (JSON.parse(line) as { error: { code: string; message: string } }).error);
    expect(errors.map(({ code }) => code)).toEqual(hosts.map(() => 'TARGET_FORBIDDEN'));
});
