import { readSettings, resolveSecret } from '../../src/settings';

const ACCOUNT = 'https://stdata.blob.core.windows.net/';

describe('settings', () => {
    test('on a machine: the connection string of the host is enough, another may hold job data', () => {
        expect(readSettings({ AzureWebJobsStorage: 'of the host' })).toEqual({
            dataConnection: 'of the host',
            dataAccountUrl: undefined,
            clientId: undefined,
            container: 'fanfold',
        });
        expect(readSettings({ AzureWebJobsStorage: 'of the host', FANFOLD_DATA_CONNECTION: 'of the data' }).dataConnection).toBe(
            'of the data',
        );
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
        expect(readSettings(env)).toEqual({ dataConnection: undefined, dataAccountUrl: ACCOUNT, clientId: 'an id', container: 'jobs' });
    });
});

describe('a secret that a job spec names', () => {
    test('is the app setting of that name', () => {
        expect(resolveSecret('GEOCODER_KEY', { GEOCODER_KEY: 'x' })).toBe('x');
        expect(resolveSecret('GEOCODER_KEY', {})).toBeUndefined();
        expect(resolveSecret('GEOCODER_KEY', { GEOCODER_KEY: '' })).toBeUndefined();
    });

    test.each([
        'AzureWebJobsStorage',
        'AZURE_CLIENT_ID',
        'APPLICATIONINSIGHTS_CONNECTION_STRING',
        'FANFOLD_DATA_CONNECTION',
        'IDENTITY_HEADER',
        'WEBSITE_AUTH_ENCRYPTION_KEY',
        'MACHINEKEY_DECRYPTIONKEY',
        'PATH',
        'lower_case',
        '__proto__',
    ])('is never %s', (name) => {
        expect(resolveSecret(name, { [name]: 'x' })).toBeUndefined();
    });
});
