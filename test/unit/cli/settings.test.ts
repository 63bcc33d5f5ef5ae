// Which host is called, and with what key.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { settingsOf, type GlobalOptions } from '../../../src/cli/settings';

const home = mkdtempSync(path.join(os.tmpdir(), 'fanfold-settings-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const file = path.join(home, '.config/fanfold/config.json');
mkdirSync(path.dirname(file), { recursive: true });
const write = (document: unknown) => writeFileSync(file, typeof document === 'string' ? document : JSON.stringify(document));
const settings = (options: GlobalOptions = {}, env: Record<string, string> = {}) =>
    settingsOf({ env, home, cwd: home, platform: 'linux' }, options);

beforeEach(() =>
    write({
        profile: 'dev',
        profiles: {
            dev: { url: 'http://dev:1', key: 'dev-key' },
            prod: { url: 'https://prod/api', keyFile: 'prod.key', token: 'prod-token', appKeyFile: 'prod.app.key' },
        },
    }),
);
writeFileSync(path.join(path.dirname(file), 'prod.key'), 'prod-key\n');
writeFileSync(path.join(path.dirname(file), 'prod.app.key'), 'prod-app-key\n');
writeFileSync(path.join(home, 'own.key'), 'own-key\n');

test.each<[string, GlobalOptions, Record<string, string>, object]>([
    ['the profile that the file names', {}, {}, { url: 'http://dev:1', key: 'dev-key' }],
    ['a profile of the environment', {}, { FANFOLD_PROFILE: 'prod' }, { url: 'https://prod/api', key: 'prod-key', token: 'prod-token' }],
    [
        'the environment before it',
        {},
        { FANFOLD_URL: 'http://env/', FANFOLD_KEY: 'env-key', FANFOLD_PROFILE: 'prod' },
        { url: 'http://env', key: 'env-key' },
    ],
    [
        'a profile by flag before the environment',
        { profile: 'prod' },
        { FANFOLD_URL: 'http://env', FANFOLD_KEY: 'env-key' },
        { url: 'https://prod/api', key: 'prod-key' },
    ],
    [
        'a URL by flag before all',
        { url: 'http://flag', profile: 'prod' },
        { FANFOLD_KEY: 'env-key' },
        { url: 'http://flag', key: 'env-key' },
    ],
    [
        'a key file by flag before all',
        { keyFile: 'own.key' },
        { FANFOLD_URL: 'http://env', FANFOLD_KEY: 'env-key' },
        { url: 'http://env', key: 'own-key' },
    ],
    [
        'a key of the app beside the others',
        {},
        { FANFOLD_PROFILE: 'prod' },
        { key: 'prod-key', token: 'prod-token', appKey: 'prod-app-key' },
    ],
    [
        'that of the environment before it',
        {},
        { FANFOLD_PROFILE: 'prod', FANFOLD_APP_KEY: 'env-app-key' },
        { key: 'prod-key', appKey: 'env-app-key', appKeyFrom: 'FANFOLD_APP_KEY' },
    ],
    [
        'that of a profile by flag before the environment',
        { profile: 'prod' },
        { FANFOLD_APP_KEY: 'env-app-key' },
        { appKey: 'prod-app-key', appKeyFrom: expect.stringContaining('appKeyFile of the profile "prod"') },
    ],
    ['a key without a URL for whichever is called', { url: 'http://flag' }, { FANFOLD_KEY: 'env-key' }, { key: 'env-key' }],
    ['what is empty is not set', {}, { FANFOLD_URL: '', FANFOLD_KEY: '' }, { url: 'http://dev:1', key: 'dev-key' }],
])('%s', (_, options, env, expected) => expect(settings(options, env)).toMatchObject(expected));

test('without anything it is the default, and no key', () => {
    rmSync(file);
    expect(settings()).toMatchObject({
        url: 'http://localhost:7071',
        urlFrom: 'the default',
        key: null,
        token: null,
        keyFrom: null,
        appKey: null,
        appKeyFrom: null,
    });
});

test.each<[string, GlobalOptions, Record<string, string>]>([
    ["a profile's key", { url: 'http://elsewhere:1' }, {}],
    ["a profile's key, to the URL of the environment", {}, { FANFOLD_URL: 'http://dev:2' }],
    [
        'a key of the environment that has a URL beside it',
        { url: 'http://elsewhere:1' },
        { FANFOLD_URL: 'http://env', FANFOLD_KEY: 'env-key' },
    ],
])('%s goes to no other origin, and that is said', (_, options, env) => {
    const { key, notes } = settings(options, env);
    expect([key, notes[0]]).toEqual([null, expect.stringContaining('is not sent to')]);
});

test.each<[string, GlobalOptions, Record<string, string>]>([
    ["a profile's key of the app", { url: 'http://elsewhere:1' }, { FANFOLD_PROFILE: 'prod', FANFOLD_KEY: 'k' }],
    [
        'one of the environment that has a URL beside it',
        { url: 'http://elsewhere:1' },
        { FANFOLD_URL: 'http://env', FANFOLD_APP_KEY: 'env-app-key', FANFOLD_PROFILE: 'dev' },
    ],
])('%s goes to no other origin, whatever else is sent, and that is said', (_, options, env) => {
    const { appKey, appKeyFrom, notes } = settings(options, env);
    expect([appKey, appKeyFrom, notes.at(-1)]).toEqual([null, null, expect.stringMatching(/^The key of the app of .* is not sent to/)]);
});

test.each<[unknown, GlobalOptions, RegExp]>([
    ['{"profile": ', {}, /is not valid: it is no JSON/],
    ['{"profile":"secret-key', {}, /^(?!.*secret-key)/],
    [[], {}, /it is no object/],
    [{ profiles: {} }, { profile: 'prod' }, /There is no profile "prod" in/],
    [{ profiles: {} }, { profile: 'toString' }, /There is no profile/],
    [{ profile: 'a', profiles: { a: { keys: 'x' } } }, {}, /\/profiles\/a\/keys is not known; allowed: url, key/],
    [{ profile: 'a', profiles: { a: { key: 'two\nlines' } } }, {}, /no line of visible characters/],
    [{ profile: 'a', profiles: { a: { appKey: '' } } }, {}, /The key of the app of .* is empty/],
    [{ profile: 'a', profiles: { a: { appKeyFile: 'gone.key' } } }, {}, /cannot be read from .*gone\.key/],
    [{}, { url: 'localhost:7071' }, /is no URL of a host/],
    [{}, { url: 'http://me:secret@host' }, /holds a name or a password/],
    [{}, { keyFile: 'gone.key' }, /cannot be read from .*gone\.key/],
])('refused: %j %j', (document, options, message) => {
    write(document);
    expect(() => settings(options)).toThrow(message);
});
