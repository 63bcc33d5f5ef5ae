// Which way to the account of job data is taken. That each way leads there is shown by test/integration/package.test.ts, which runs a
// job by either.
import { AnonymousCredential, StorageSharedKeyCredential } from '@azure/storage-blob';
import { readSettings } from '../../../src/settings';
import { serviceClient } from '../../../src/storage/container';

const made: [string, unknown][] = [];
jest.mock('@azure/identity', () => {
    const credential = (kind: string) =>
        class {
            constructor(options: unknown) {
                made.push([kind, options]);
            }
            getToken = () => Promise.resolve({ token: 'x', expiresOnTimestamp: 0 });
        };
    return { DefaultAzureCredential: credential('default'), ManagedIdentityCredential: credential('managed identity') };
});
beforeEach(() => (made.length = 0));

const local = 'DefaultEndpointsProtocol=https;AccountName=a;AccountKey=a2V5;EndpointSuffix=core.windows.net';
const open = (env: NodeJS.ProcessEnv) => serviceClient(readSettings(env));

test('a connection string opens its account by key, and no identity is asked for', async () => {
    const client = await open({ AzureWebJobsStorage: local });
    expect(client.url).toBe('https://a.blob.core.windows.net/');
    expect(client.credential).toBeInstanceOf(StorageSharedKeyCredential);
    expect(made).toEqual([]);
});

test('an account URL is opened by the managed identity that AZURE_CLIENT_ID names, and no other is tried', async () => {
    const client = await open({ FANFOLD_DATA_ACCOUNT_URL: 'https://b.blob.core.windows.net/', AZURE_CLIENT_ID: 'an id' });
    expect(client.url).toBe('https://b.blob.core.windows.net/');
    expect(made).toEqual([['managed identity', { clientId: 'an id' }]]);
    for (const kind of [StorageSharedKeyCredential, AnonymousCredential]) expect(client.credential).not.toBeInstanceOf(kind);
});

test('without a client id the default credential chooses the identity', async () => {
    await open({ FANFOLD_DATA_ACCOUNT_URL: 'https://b.blob.core.windows.net/' });
    expect(made).toEqual([['default', undefined]]);
});

test('the URL wins over a connection string', async () => {
    const client = await open({ FANFOLD_DATA_ACCOUNT_URL: 'https://b.blob.core.windows.net/', FANFOLD_DATA_CONNECTION: local });
    expect(client.url).toBe('https://b.blob.core.windows.net/');
});

test('with neither, the error names the settings', async () => {
    await expect(open({})).rejects.toThrow('FANFOLD_DATA_ACCOUNT_URL');
});
