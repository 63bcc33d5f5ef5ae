import { wrongInSecret } from '../../src/core/secrets';
import { findSecret, readSettings } from '../../src/settings';

const ACCOUNT = 'https://stdata.blob.core.windows.net/';

describe('settings', () => {
    test('on a machine: the connection string of the host is enough, another may hold job data', () => {
        expect(readSettings({ AzureWebJobsStorage: 'of the host' })).toEqual({
            dataConnection: 'of the host',
            dataAccountUrl: undefined,
            clientId: undefined,
            container: 'fanfold',
            sourcePrefixes: ['inbox/'],
            allowedOrigins: [],
            signsIn: false,
            keys: null,
            rolesRequired: false,
            limitersBy: 'operate',
            sweepSchedule: '0 */5 * * * *',
            caps: {
                items: 10_000_000,
                jobs: 1_000,
                uploadBytes: 209_715_200_000,
                uploads: 1_000,
                uploadAgeMs: 7 * 86_400_000,
                bodyBytes: 16_777_216,
            },
            unreadCaps: [],
        });
        expect(readSettings({ AzureWebJobsStorage: 'of the host', FANFOLD_DATA_CONNECTION: 'of the data' }).dataConnection).toBe(
            'of the data',
        );
    });

    test('caps are numbers within their bounds', () => {
        const { caps, unreadCaps } = readSettings({ FANFOLD_MAX_ITEMS: ' 5 ', FANFOLD_MAX_JOBS: '', FANFOLD_UPLOAD_MAX_AGE: ' PT2H ' });
        expect(caps).toMatchObject({ items: 5, jobs: 1_000, uploadAgeMs: 7_200_000 });
        expect(unreadCaps).toEqual([]);
    });

    test.each([
        ['FANFOLD_MAX_ITEMS', '0'],
        ['FANFOLD_MAX_JOBS', '1e3'],
        ['FANFOLD_MAX_UPLOADS', '-1'],
        ['FANFOLD_MAX_UPLOAD_BYTES', '209715200001'],
        ['FANFOLD_MAX_BODY_BYTES', '67108865'],
        ['FANFOLD_UPLOAD_MAX_AGE', 'P1M'],
        ['FANFOLD_UPLOAD_MAX_AGE', 'PT1S'],
    ])('a cap that is none leaves its default, and that is told: %s=%s', (name, text) => {
        const { caps, unreadCaps } = readSettings({ [name]: text, FANFOLD_MAX_ITEMS: name === 'FANFOLD_MAX_ITEMS' ? text : '7' });
        expect(caps).toEqual({ ...readSettings({}).caps, ...(name === 'FANFOLD_MAX_ITEMS' ? {} : { items: 7 }) });
        expect(unreadCaps).toEqual([expect.stringMatching(new RegExp(`^${name} is not an? .* from .* holds$`))]);
    });

    test('what stands in place of a cap is not told: it may be a secret', () => {
        expect(JSON.stringify(readSettings({ FANFOLD_MAX_JOBS: 'AccountKey=abc' }).unreadCaps)).not.toContain('AccountKey');
    });

    test('in Azure: no connection string is there, a URL and an identity are', () => {
        // As infra/app/function.bicep sets them.
        const env = {
            AzureWebJobsStorage__credential: 'managedidentity',
            AzureWebJobsStorage__blobServiceUri: 'https://sthost.blob.core.windows.net/',
            AZURE_CLIENT_ID: 'an id',
            FANFOLD_DATA_ACCOUNT_URL: ACCOUNT,
            FANFOLD_CONTAINER: 'jobs',
        };
        expect(readSettings(env)).toMatchObject({
            dataConnection: undefined,
            dataAccountUrl: ACCOUNT,
            clientId: 'an id',
            container: 'jobs',
        });
    });

    test('lists: prefixes end with a slash, what no blob can be named by allows nothing, origins are as browsers write them', () => {
        const prefixes = (text: string) => readSettings({ FANFOLD_SOURCE_PREFIXES: text }).sourcePrefixes;
        expect(prefixes('inbox/, team/drop ,x/../y,/,,..')).toEqual(['inbox/', 'team/drop/']);
        expect(prefixes('')).toEqual([]);
        expect(readSettings({ FANFOLD_ALLOWED_ORIGINS: 'https://Console.example/, http://localhost:3000' }).allowedOrigins).toEqual([
            'https://console.example',
            'http://localhost:3000',
        ]);
    });
});

describe('what callers are asked for', () => {
    const digest = 'a'.repeat(64);

    test('is nothing by default; a key where there are keys, and what cannot be read is not nothing', () => {
        for (const text of [undefined, '', ' ']) expect(readSettings({ FANFOLD_KEYS: text }).keys).toBeNull();
        expect(readSettings({ FANFOLD_KEYS: `ci:read:${digest}` }).keys!.keys).toEqual([{ name: 'ci', level: 'read', sha256: digest }]);
        for (const text of [',', 'nonsense', '@Microsoft.KeyVault(SecretUri=https://kv/secrets/KEYS)'])
            expect(readSettings({ FANFOLD_KEYS: text }).keys).toMatchObject({ keys: [] });
    });

    test('is the stricter one where a word is not known', () => {
        const read = (FANFOLD_ROLES: string, FANFOLD_LIMITERS_BY: string) => {
            const { rolesRequired, limitersBy } = readSettings({ FANFOLD_ROLES, FANFOLD_LIMITERS_BY });
            return [rolesRequired, limitersBy];
        };
        expect(read('', '')).toEqual([false, 'operate']);
        expect(read('required', 'operate')).toEqual([true, 'operate']);
        expect(read('Required', 'admin')).toEqual([true, 'admin']);
        for (const word of ['yes', 'false', 'ADMIN', 'read']) expect(read(word, word)).toEqual([true, 'admin']);
    });
});

describe('a secret that a job spec names', () => {
    const find = (name: string, env: Record<string, string>) => findSecret(name, env);

    test('is the app setting of that name, when FANFOLD_SECRETS lists it', () => {
        expect(find('GEOCODER_KEY', { GEOCODER_KEY: 'x', FANFOLD_SECRETS: 'OTHER, GEOCODER_KEY' })).toEqual({ value: 'x', hosts: [] });
        expect(find('GEOCODER_KEY', { GEOCODER_KEY: 'x' })).toMatchObject({ missing: expect.stringContaining('FANFOLD_SECRETS') });
        for (const env of [{}, { GEOCODER_KEY: '' }])
            expect(find('GEOCODER_KEY', { ...env, FANFOLD_SECRETS: 'GEOCODER_KEY' })).toMatchObject({
                missing: expect.stringContaining('no setting of that name'),
                later: false,
            });
    });

    test.each([
        'SQLCONNSTR_MAIN',
        'AWS_SECRET_ACCESS_KEY',
        'MICROSOFT_PROVIDER_AUTHENTICATION_SECRET',
        'AzureWebJobsStorage',
        'FANFOLD_DATA_CONNECTION',
        'FANFOLD_SECRETS',
        'IDENTITY_HEADER',
        'PATH',
        'lower_case',
        '__proto__',
        'constructor',
    ])('is not %s, which nobody listed', (name) => {
        expect(find(name, { [name]: 'x', FANFOLD_SECRETS: 'GEOCODER_KEY' })).toHaveProperty('missing');
    });

    test.each([
        '@Microsoft.AppConfiguration(Endpoint=https://x; Key=y)',
        '@Microsoft.KeyVault(SecretUri=https://kv/secrets/A)',
        ' @microsoft.keyvault(VaultName=kv;SecretName=A)',
    ])('has no value while the platform has not resolved %s', (value) => {
        const found = find('A', { A: value, FANFOLD_SECRETS: 'A' });
        expect(found).toMatchObject({ missing: expect.stringContaining('"A"'), later: true });
        expect(JSON.stringify(found)).not.toMatch(/secrets\/A|VaultName/);
    });
});

test.each([
    ['1234567', 'fewer than 8'],
    ['correct-horse\n', 'line break'],
    ['correct-\nhorse', 'cannot carry'],
    ['correct-hörse-\u2713', 'cannot carry'],
    [' correct-horse', 'blank'],
    ['correct-horse\t', 'blank'],
    ['correct horse', null],
    ['correct-horse', null],
    ['12345678', null],
])('the value of a secret is looked at without being told: %j', (value, wrong) => {
    const said = wrongInSecret(value);
    if (wrong === null) expect(said).toBeNull();
    else expect(said).toContain(wrong);
    expect(String(said)).not.toContain(value.slice(0, 7));
});
