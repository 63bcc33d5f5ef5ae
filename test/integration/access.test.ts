// Every route and method as the local host serves them with --auth: with no key, a wrong key, and a key of each level, held against the table of routes.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { routes } from '../../src/api/routes';
import { FanfoldClient } from '../../src/client';
import { levels, reaches, type Level, type RouteLevel } from '../../src/core/access';
import { startHost, type RunningHost } from '../support/host';
import { untilEnded } from '../support/untilEnded';

const sha256 = (key: string): string => createHash('sha256').update(key).digest('hex');
const keys: Record<Level, string> = { read: 'walk-key-of-a-reader', operate: 'walk-key-of-an-operator', admin: 'walk-key-of-an-admin' };
const entries = levels.map((level) => `${level}er:${level}:${sha256(keys[level])}`);

let host: RunningHost;
beforeAll(async () => {
    // The last entry is a slip: a key where its digest belongs.
    const FANFOLD_KEYS = [...entries, 'slip:admin:walk-key-in-clear'].join();
    host = await startHost({ app: path.resolve(__dirname, '../..'), auth: true, env: { FANFOLD_KEYS } });
});
afterAll(() => host?.stop());

/** `nobody`: not even the platform's key; the others come with it. */
type Sender = 'nobody' | 'without a key' | 'with a wrong key' | Level;
const senders: Sender[] = ['nobody', 'without a key', 'with a wrong key', ...levels];

interface Answer {
    status: number;
    headers: Headers;
    text: string;
}
type Ask = (method: string, path: string, sender: Sender) => Promise<Answer>;

/** The platform's key is sent in the URL, where it is easiest to give away again. */
const ask: Ask = async (method, route, sender) => {
    const key = sender === 'with a wrong key' ? 'walk-key-of-nobody' : keys[sender as Level];
    const answer = await fetch(`${host.url}/api/${route}${sender === 'nobody' ? '' : `?code=${host.key}`}`, {
        method,
        headers: { 'content-type': 'application/json', ...(key ? { 'x-fanfold-key': key } : {}) },
        ...(['POST', 'PUT', 'PATCH'].includes(method) ? { body: '{}' } : {}),
    });
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
};

type Row = { methods: readonly string[]; route: string; level: RouteLevel };

/** What is wrong with an answer, given who asked for what; null where nothing is. */
function wrongWith({ status, headers, text }: Answer, method: string, level: RouteLevel, sender: Sender): string | null {
    const ownLevel = sender in keys ? (sender as Level) : null;
    const isTold = (code: string) => method === 'HEAD' || (JSON.parse(text) as { code: string }).code === code;
    if (reaches(ownLevel, level)) return [401, 403].includes(status) ? `${status}, and may` : null;
    if (ownLevel) return status === 403 && isTold('LEVEL_TOO_LOW') ? null : `${status}, and is below ${level}`;
    if (status !== 401) return `${status}, and has no level`;
    if (sender === 'nobody') return null; // the platform's own, without a body
    return headers.has('www-authenticate') && isTold('KEY_REQUIRED') ? null : '401 without a word on how to come';
}

/** Asks for every route of the table with each of its methods as each of the senders. */
async function walk(table: readonly Row[], by: Ask): Promise<{ wrong: string[]; answers: [Sender, Answer][] }> {
    const wrong: string[] = [];
    const answers: [Sender, Answer][] = [];
    for (const { methods, route, level } of table) {
        const place = route
            .replace('{*path}', 'nothing/here')
            .replace('{index}', '0')
            .replace('{name}', 'walk.example')
            .replace('{id}', 'none');
        for (const method of methods)
            for (const sender of senders) {
                const answer = await by(method, place, sender);
                answers.push([sender, answer]);
                const why = wrongWith(answer, method, level, sender);
                if (why) wrong.push(`${method} ${route}, ${sender}: ${why}`);
            }
    }
    return { wrong, answers };
}

test('each route lets in whom the table says, and nobody else; no answer gives a key away, and each is guarded in a browser', async () => {
    const { wrong, answers } = await walk(routes, ask);
    expect(wrong).toEqual([]);
    expect(answers.length).toBeGreaterThan(150);
    const secrets = [host.key!, 'code=', ...Object.values(keys), ...Object.values(keys).map(sha256)];
    for (const [sender, { headers, text, status }] of answers) {
        const said = text + JSON.stringify([...headers]);
        expect(secrets.filter((secret) => said.includes(secret))).toEqual([]);
        if (sender === 'nobody' && status === 401) continue; // the platform's own
        expect(headers.get('x-content-type-options')).toBe('nosniff');
        expect(headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
    }
});

test('a route that does not ask who calls is found, and so is one of another level than the table says', async () => {
    const two = routes.filter(({ name }) => ['listJobs', 'setLimiter'].includes(name));
    const forgetful: Ask = (method, route, sender) => ask(method, route, method === 'GET' && sender !== 'nobody' ? 'admin' : sender);
    expect((await walk(two, forgetful)).wrong).toEqual([
        'GET jobs, without a key: 200, and has no level',
        'GET jobs, with a wrong key: 200, and has no level',
    ]);
    const another = two.map((row) => ({ ...row, level: 'operate' as const }));
    expect((await walk(another, ask)).wrong).toEqual([
        'GET jobs, read: 200, and is below operate',
        'PUT limiters/{name}, operate: 403, and may',
    ]);
});

test('only health and the API document are for anybody; health says no more than whether the app is well', async () => {
    expect(routes.filter(({ level }) => level === 'anonymous').map(({ name }) => name)).toEqual(['health', 'getOpenApi']);
    expect((await ask('GET', 'openapi.json', 'nobody')).status).toBe(200);
    expect((await ask('GET', 'health', 'nobody')).text).toBe('{"status":"ok"}');
});

test('the host says at its start how many keys there are and which entry grants nothing, and never what it is', () => {
    expect(host.output()).toContain('keys of callers are checked: keys=3');
    expect(host.output()).toMatch(/FANFOLD_KEYS: an entry grants nothing: why="entry 4 has a digest that is not 64 hex digits"/);
    for (const secret of ['walk-key', ...Object.values(keys).map(sha256)]) expect(host.output()).not.toContain(secret);
});

test('who posted a job, who stopped it and who set a limiter stands there by the name of the key', async () => {
    const as = (level: Level) => new FanfoldClient({ url: host.url, key: host.key, appKey: keys[level] });
    const startAt = new Date(Date.now() + 3_600_000).toISOString();
    const { id } = await as('operate').startJob({ source: { items: [1] }, process: { processor: 'digest' }, startAt });
    await as('admin').cancelJob(id, { reason: 'a test' });
    await untilEnded(as('read'), id, { timeoutMs: 60_000 });
    const { events } = await as('read').getTimeline(id);
    expect(events[0]).toMatchObject({ kind: 'state', state: 'scheduled', by: 'key:operateer' });
    expect(events.find(({ kind }) => kind === 'move')).toMatchObject({ move: 'cancel', by: 'key:adminer', reason: 'a test' });
    expect(await as('admin').setLimiter('walk.example', { rate: '5/s' })).toMatchObject({ setBy: 'key:adminer' });
    await expect(as('operate').setLimiter('walk.example', {})).rejects.toMatchObject({ code: 'LEVEL_TOO_LOW' });
    await expect(as('read').pauseJob(id)).rejects.toMatchObject({ code: 'LEVEL_TOO_LOW' });
});
