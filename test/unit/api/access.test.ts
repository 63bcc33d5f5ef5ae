// Who may do what, on the routes themselves, without a host and without storage: what is refused needs neither.
import { createHash } from 'node:crypto';
import type { HttpRequest } from '@azure/functions';
import { checkLimitersNamed, readCaller, refuseCaller } from '../../../src/api/http/access';
import { behindDoor } from '../../../src/api/http/checkRequest';
import { handle, type Handler } from '../../../src/api/http/frame';
import type { Route } from '../../../src/api/routes';
import { readSettings } from '../../../src/settings';
import { callRoute, EngineDouble, quiet } from '../../support/routes';

const sha256 = (key: string): string => createHash('sha256').update(key).digest('hex');
const FANFOLD_KEYS = [
    `reader:read:${sha256('the-read-key')}`,
    `ops:operate:${sha256('the-ops-key')}`,
    `root:admin:${sha256('the-root-key')}`,
].join();

/** The principal as the platform writes it. */
const principal = (claims: unknown): string => Buffer.from(JSON.stringify({ auth_typ: 'aad', claims })).toString('base64');
const roleClaim = (val: string, typ = 'roles') => ({ typ, val });

const caller = (headers: Record<string, string>, env: Record<string, string> = { FANFOLD_KEYS }) => {
    const { level, by } = readCaller(new Headers(headers), readSettings(env));
    return [level, by];
};

describe('a key', () => {
    test('has the level and the name of its entry', () => {
        expect(caller({ 'x-fanfold-key': 'the-read-key' })).toEqual(['read', 'key:reader']);
        expect(caller({ 'x-fanfold-key': 'the-ops-key' })).toEqual(['operate', 'key:ops']);
        expect(caller({ 'X-Fanfold-Key': 'the-root-key' })).toEqual(['admin', 'key:root']);
    });

    test.each([
        '',
        'the-root-keY',
        'the-root-key the-root-key',
        'the-root-key, the-read-key',
        sha256('the-root-key'),
        'root',
        'x'.repeat(20_000),
    ])('that is not known has none: %j', (sent) => {
        expect(caller({ 'x-fanfold-key': sent })).toEqual([null, 'api']);
    });

    test('is sent in its own header and nowhere else', () => {
        for (const name of ['x-functions-key', 'authorization', 'cookie'])
            expect(caller({ [name]: 'the-root-key' })).toEqual([null, 'api']);
    });

    test('is not looked at where the deployment has none', () => {
        expect(caller({ 'x-fanfold-key': 'whatever' }, {})).toEqual(['admin', 'api']);
    });
});

describe('a sign-in', () => {
    const signsIn = { WEBSITE_AUTH_ENABLED: 'True' };
    const ann = { 'x-ms-client-principal-name': 'ann@example.com' };

    test('gives the level of its role, by either name of the claim', () => {
        for (const typ of ['roles', 'http://schemas.microsoft.com/ws/2008/06/identity/claims/role'])
            expect(
                caller({ ...ann, 'x-ms-client-principal': principal([roleClaim('Fanfold.Operate', typ)]) }, { ...signsIn, FANFOLD_KEYS }),
            ).toEqual(['operate', 'ann@example.com']);
        const other = principal([roleClaim('Fanfold.Admin', 'groups'), roleClaim('Fanfold.Admin', 'name')]);
        expect(caller({ ...ann, 'x-ms-client-principal': other }, { ...signsIn, FANFOLD_KEYS })).toEqual([null, 'ann@example.com']);
    });

    test('without a role gives none where keys or roles are asked for, and everything else where not', () => {
        const plain = { ...ann, 'x-ms-client-principal': principal([{ typ: 'name', val: 'Ann' }]) };
        expect(caller(plain, { ...signsIn, FANFOLD_KEYS })).toEqual([null, 'ann@example.com']);
        expect(caller(plain, { ...signsIn, FANFOLD_ROLES: 'required' })).toEqual([null, 'ann@example.com']);
        expect(caller(plain, signsIn)).toEqual(['admin', 'ann@example.com']);
    });

    test('is believed only where the platform has callers sign in: anybody can send its headers elsewhere', () => {
        const forged = { ...ann, 'x-ms-client-principal': principal([roleClaim('Fanfold.Admin')]) };
        expect(caller(forged, { FANFOLD_KEYS })).toEqual([null, 'api']);
        expect(caller(forged, { FANFOLD_KEYS, WEBSITE_AUTH_ENABLED: 'false' })).toEqual([null, 'api']);
        expect(caller(forged, { FANFOLD_ROLES: 'required' })).toEqual([null, 'api']);
    });

    test.each([
        '',
        '%',
        'bm90IEpTT04=',
        principal(null),
        principal('roles'),
        principal({}),
        principal([null]),
        principal([roleClaim(null as never)]),
    ])('that cannot be read has no role: %j', (said) => {
        expect(caller({ ...ann, 'x-ms-client-principal': said }, { ...signsIn, FANFOLD_KEYS })).toEqual([null, 'ann@example.com']);
    });

    test('of an application goes by its id where it has no name; a long name is cut', () => {
        const app = { 'x-ms-client-principal': principal([roleClaim('Fanfold.Read')]), 'x-ms-client-principal-id': '0000-1111' };
        expect(caller(app, { ...signsIn, FANFOLD_ROLES: 'required' })).toEqual(['read', '0000-1111']);
        expect(caller({ ...app, 'x-ms-client-principal-name': '' }, { ...signsIn, FANFOLD_ROLES: 'required' })).toEqual([
            'read',
            '0000-1111',
        ]);
        expect(caller({ 'x-ms-client-principal-name': 'n'.repeat(500) }, signsIn)).toEqual(['admin', 'n'.repeat(200)]);
    });
});

describe('a refusal', () => {
    test('of who has no level is the same whatever was sent, and says how to come', () => {
        const refused = (headers: Record<string, string>) =>
            refuseCaller(readCaller(new Headers(headers), readSettings({ FANFOLD_KEYS })), 'read')!;
        const plain = refused({});
        expect(plain).toMatchObject({
            code: 'KEY_REQUIRED',
            status: 401,
            details: { headers: { 'www-authenticate': expect.any(String) } },
        });
        for (const key of ['wrong', 'the-root-key.', '']) expect(refused({ 'x-fanfold-key': key })).toEqual(plain);
    });

    test('of a level that is too low names both levels, and whose key it is', () => {
        expect(refuseCaller({ level: 'operate', by: 'key:ops' }, 'admin')).toMatchObject({
            code: 'LEVEL_TOO_LOW',
            status: 403,
            message: 'This needs the level admin; key:ops has operate.',
            details: { needed: 'admin', level: 'operate', caller: 'key:ops' },
        });
    });
});

describe('a limit that others share', () => {
    const ops = { level: 'operate', by: 'key:ops' } as const;
    const code = (document: unknown, by: 'operate' | 'admin', who: Parameters<typeof checkLimitersNamed>[1] = ops): string | null => {
        try {
            checkLimitersNamed(document, who, by);
            return null;
        } catch (error) {
            return (error as { code: string }).code;
        }
    };

    test('is named by whoever may post a job, unless the operator keeps it to admins', () => {
        for (const document of [{ rate: '1/h' }, { limiter: 'geocoder' }, { rate: null }, JSON.parse('{"limiter":"x","rate":["1/s"]}')]) {
            expect(code(document, 'operate')).toBeNull();
            expect(code(document, 'admin')).toBe('LEVEL_TOO_LOW');
            expect(code(document, 'admin', { level: 'admin', by: 'key:root' })).toBeNull();
        }
    });

    test('is not named by a spec without such a field, nor by what is no spec', () => {
        for (const document of [{}, { concurrency: { max: 1 } }, null, undefined, [1], 'rate', Object.create({ rate: '1/s' })])
            expect(code(document, 'admin')).toBeNull();
    });
});

describe('on the routes', () => {
    const env = { ...process.env };
    beforeAll(() => {
        // Nothing answers here: a request that reached storage would end with 503, and late.
        Object.assign(process.env, { FANFOLD_KEYS, FANFOLD_DATA_CONNECTION: 'UseDevelopmentStorage=true', FANFOLD_LIMITERS_BY: 'admin' });
    });
    afterAll(() => {
        process.env = env;
    });
    const call = (method: string, path: string, key?: string, body?: Buffer) =>
        callRoute(new EngineDouble(), method, path, { headers: key ? { 'x-fanfold-key': key } : {}, ...(body ? { body } : {}) });

    test('an unknown path tells who has no level no more than a known one', async () => {
        const bodies = await Promise.all(
            [
                ['GET', 'jobs/none'],
                ['GET', 'nothing/here'],
                ['DELETE', 'jobs'],
                ['POST', 'health'],
            ].map(async ([method, path]) => {
                const { status, json, headers } = await call(method!, path!, 'wrong');
                return [status, headers.get('www-authenticate'), { ...json, instance: null }];
            }),
        );
        expect(bodies[0]![0]).toBe(401);
        for (const body of bodies) expect(body).toEqual(bodies[0]);
        expect((await call('GET', 'nothing/here', 'the-read-key')).json).toMatchObject({ code: 'ROUTE_NOT_FOUND' });
    });

    test('a job that names a rate is refused before anything of it is looked at further, and so is a patch', async () => {
        const spec = Buffer.from(JSON.stringify({ source: { items: [1] }, process: { processor: 'digest' }, rate: '1/h' }));
        expect((await call('POST', 'jobs', 'the-ops-key', spec)).json).toMatchObject({
            code: 'LEVEL_TOO_LOW',
            needed: 'admin',
            caller: 'key:ops',
        });
        const patch = Buffer.from('{"rate":"1/h"}');
        expect((await call('PATCH', 'jobs/some', 'the-ops-key', patch)).json).toMatchObject({ code: 'LEVEL_TOO_LOW' });
    });

    test('every answer, of problems too, is taken by a browser for what it is, and runs and frames nothing', async () => {
        for (const answer of [
            await call('GET', 'jobs'),
            await call('GET', 'nothing', 'the-read-key'),
            await call('OPTIONS', 'uploads', 'the-read-key'),
        ]) {
            expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
            expect(answer.headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
        }
    });

    test('a page may say what it needs', async () => {
        const page = behindDoor(async () => ({ headers: { 'content-security-policy': "default-src 'self'" } }), 'anonymous', 'bytes');
        const request = { method: 'GET', url: 'http://h/api/p', headers: new Headers(), body: null } as unknown as HttpRequest;
        const answer = await handle(page)(request, {} as never, quiet as never);
        expect(answer.headers).toEqual({ 'x-content-type-options': 'nosniff', 'content-security-policy': "default-src 'self'" });
    });

    test('a handler sees who calls', async () => {
        const seen: string[] = [];
        const door = behindDoor(async (_, { caller: { by } }) => (seen.push(by), {}), 'read', 'bytes');
        const request = (key: string) =>
            ({
                method: 'GET',
                url: 'http://h/api/p',
                headers: new Headers({ 'x-fanfold-key': key }),
                body: null,
            }) as unknown as HttpRequest;
        for (const key of ['the-read-key', 'wrong', 'the-root-key']) await handle(door)(request(key), {} as never, quiet as never);
        expect(seen).toEqual(['key:reader', 'key:root']);
    });
});

describe('does not compile', () => {
    const handler: Handler = async () => ({});

    test('a route without a level', () => {
        // @ts-expect-error a route has to say what it asks of callers
        const route: Route = { name: 'x', route: 'x', methods: ['GET'], handler };
        expect(route).not.toHaveProperty('level');
    });

    test('a handler in the frame without the door that asks who calls', () => {
        // @ts-expect-error a handler needs a caller, whom only the door finds out
        expect(handle(handler)).toBeInstanceOf(Function);
    });
});
