// What must hold of the deployed resources, read from the template that infra/ compiles to. That the fixture is of the present
// Bicep sources is proved by scripts/check-bicep.mjs, which needs the Bicep CLI.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

interface Resource {
    type: string;
    name: string;
    existing?: boolean;
    scope?: string;
    copy?: unknown;
    condition?: string;
    properties: Record<string, any>; // eslint-disable-line @typescript-eslint/no-explicit-any
}
interface Template {
    resources: Record<string, Resource> | Resource[];
    variables?: Record<string, unknown>;
    outputs?: Record<string, { type: string; value: string }>;
    parameters?: Record<string, { type: string; metadata?: { description?: string }; allowedValues?: unknown[] }>;
}

const root = path.resolve(__dirname, '../..');
const main = JSON.parse(readFileSync(path.join(root, 'test/fixtures/main.arm.json'), 'utf8')) as Template;

/** A template and, by the names of their modules, all that are nested in it. */
function* templates(template: Template, name = 'main'): Generator<[string, Template]> {
    yield [name, template];
    for (const [key, resource] of Object.entries(template.resources))
        if (resource.type === 'Microsoft.Resources/deployments') yield* templates(resource.properties.template as Template, key);
}
const all = new Map(templates(main));
const resources = [...all.values()].flatMap((t) => Object.values(t.resources)).filter((r) => !r.existing);
const ofType = (type: string) => {
    const found = resources.filter((r) => r.type === type);
    expect(found).not.toEqual([]);
    return found;
};

describe('storage', () => {
    test('takes no key, no anonymous reader and nothing older than TLS 1.2', () => {
        const accounts = ofType('Microsoft.Storage/storageAccounts');
        expect(accounts).toHaveLength(2);
        for (const { properties } of accounts)
            expect(properties).toMatchObject({
                allowSharedKeyAccess: false,
                allowBlobPublicAccess: false,
                minimumTlsVersion: 'TLS1_2',
                supportsHttpsTrafficOnly: true,
            });
        for (const { properties } of ofType('Microsoft.Storage/storageAccounts/blobServices/containers'))
            expect(properties.publicAccess).toBe('None');
    });

    test('is closed to the public network when the app is in a virtual network', () => {
        for (const { properties } of [...ofType('Microsoft.Storage/storageAccounts'), ...ofType('Microsoft.KeyVault/vaults')])
            expect(properties.publicNetworkAccess).toBe("[if(parameters('privateOnly'), 'Disabled', 'Enabled')]");
    });
});

describe('the app', () => {
    const app = () => ofType('Microsoft.Web/sites')[0]!;

    test('is reached by HTTPS only, with TLS 1.2, and deployed without a password', () => {
        expect(app().properties).toMatchObject({ httpsOnly: true, siteConfig: { minTlsVersion: '1.2', scmMinTlsVersion: '1.2' } });
        const passwords = ofType('Microsoft.Web/sites/basicPublishingCredentialsPolicies');
        expect(passwords.map((p) => p.properties.allow as boolean)).toEqual([false, false]);
    });

    test('is Flex Consumption on a Node.js version of a parameter, its package read by identity', () => {
        expect(ofType('Microsoft.Web/serverfarms')[0]).toMatchObject({
            sku: { name: 'FC1', tier: 'FlexConsumption' },
            properties: { reserved: true },
        });
        expect(app().properties.functionAppConfig).toMatchObject({
            runtime: { name: 'node', version: "[parameters('nodeVersion')]" },
            deployment: { storage: { authentication: { type: 'UserAssignedIdentity' } } },
        });
        expect(main.parameters!.nodeVersion!.allowedValues).toEqual(['22', '24']);
    });

    test('has the host reach storage by identity, for blobs, queues and tables', () => {
        const { useTablePartitionManagement } = (
            JSON.parse(readFileSync(path.join(root, 'host.json'), 'utf8')) as {
                extensions: { durableTask: { storageProvider: Record<string, unknown> } };
            }
        ).extensions.durableTask.storageProvider;
        expect(useTablePartitionManagement).toBe(true);
        const ours = settings();
        expect(ours.AzureWebJobsStorage__credential).toBe("'managedidentity'");
        for (const service of ['blob', 'queue', 'table']) expect(ours).toHaveProperty(`AzureWebJobsStorage__${service}ServiceUri`);
        expect(ours).not.toHaveProperty('AzureWebJobsStorage');
    });
});

test('telemetry takes Entra tokens only', () => {
    expect(ofType('Microsoft.Insights/components')[0]!.properties.DisableLocalAuth).toBe(true);
    expect(ofType('Microsoft.OperationalInsights/workspaces')[0]!.properties.features).toEqual({ disableLocalAuth: true });
    expect(settings().APPLICATIONINSIGHTS_AUTHENTICATION_STRING).toContain('Authorization=AAD');
});

describe('roles', () => {
    test('are each granted on one resource, never on a group or a subscription', () => {
        const grants = ofType('Microsoft.Authorization/roleAssignments');
        for (const { scope } of grants)
            expect(scope).toMatch(/^\[resourceId\('Microsoft\.(Storage\/storageAccounts|Insights\/components|KeyVault\/vaults)', /);
    });

    test('are those that the app needs', () => {
        const grants = ofType('Microsoft.Authorization/roleAssignments').map((r) => ({
            on: /parameters\('(\w+)Name'\)/.exec(r.scope!)![1],
            roles: [...(JSON.stringify(r).match(/variables\('role'\)\.(\w+)/g) ?? [])].map((v) => v.split('.').pop()),
            optional: r.condition !== undefined,
        }));
        const unique = grants.map((g) => ({ ...g, roles: [...new Set(g.roles)].sort() }));
        expect(unique).toEqual([
            { on: 'hostStorage', roles: ['blobOwner', 'queueContributor', 'tableContributor'], optional: false },
            { on: 'dataStorage', roles: ['blobContributor'], optional: false },
            { on: 'insights', roles: ['metricsPublisher'], optional: false },
            { on: 'vault', roles: ['secretsUser'], optional: false },
            { on: 'vault', roles: ['secretsOfficer'], optional: true },
        ]);
    });
});

describe('secrets', () => {
    /** Why an output would give a secret away, or null. */
    const leak = ({ type, value }: { type: string; value: unknown }) =>
        /secure/i.test(type) || /\blist\w*\(|connectionString|instrumentationKey|\.keys|SharedAccess/i.test(JSON.stringify(value));

    test('are in no output', () => {
        for (const [name, template] of all)
            for (const [output, value] of Object.entries(template.outputs ?? {}))
                expect([name, output, leak(value)]).toEqual([name, output, false]);
    });

    test('would be noticed in an output', () => {
        expect(
            leak({ type: 'string', value: "[listKeys(resourceId('Microsoft.Storage/storageAccounts', 'x'), '2024-01-01').keys[0].value]" }),
        ).toBe(true);
        expect(leak({ type: 'string', value: "[reference('insights').ConnectionString]" })).toBe(true);
    });

    test('are references to the vault, under the names that job specs use', () => {
        const made = JSON.stringify(all.get('function')!.variables ?? {}) + JSON.stringify(all.get('function')!.resources);
        expect(made).toContain('@Microsoft.KeyVault(SecretUri={0}secrets/{1})');
        expect(ofType('Microsoft.Web/sites')[0]!.properties).toHaveProperty('keyVaultReferenceIdentity');
        expect(ofType('Microsoft.KeyVault/vaults')[0]!.properties.enableRbacAuthorization).toBe(true);
        expect(resources.filter((r) => r.type.startsWith('Microsoft.KeyVault/vaults/secrets'))).toEqual([]);
    });
});

/** The app settings that the template sets whatever its parameters, as expressions: the compiler makes one createObject(key, value, …) of them. */
function settings(): Record<string, string> {
    const config = Object.values(all.get('function')!.resources).find((r) => r.name.includes('appsettings'))!;
    const object = /createObject\((.*)\)\)\]$/.exec(config.properties as unknown as string)![1]!;
    // A value is a literal, or a call whose arguments nest two deep at most.
    const pairs = object.matchAll(/'(\w+)', ((?:[^,()]|\((?:[^()]|\([^()]*\))*\))+)/g);
    return Object.fromEntries([...pairs].map(([, key, value]) => [key!, value!]));
}

describe('app settings', () => {
    /** The names that a source text reads from the environment. */
    const readBy = (source: string) => [...source.matchAll(/\benv(?:\.|\??\[['"])([A-Za-z_]\w*)/g)].map((m) => m[1]!);
    const sources = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts'))
        .map((file) => readFileSync(path.join(root, 'src', file), 'utf8'));
    const read = new Set(sources.flatMap(readBy));

    // Connection strings: for a local run. In Azure their place is taken by a URL and an identity.
    const local = ['FANFOLD_DATA_CONNECTION', 'AzureWebJobsStorage'];
    // Given by the platform to every app.
    const given = /^(WEBSITE_|IDENTITY_|FUNCTIONS_|NODE_)/;
    // Read by the Functions host or the SDKs.
    const forHost = /^(AzureWebJobsStorage__|AzureFunctionsJobHost__|APPLICATIONINSIGHTS_)/;

    test('that the code reads are set', () => {
        const wanted = [...read].filter((name) => !local.includes(name) && !given.test(name));
        expect(wanted.length).toBeGreaterThan(1);
        expect(Object.keys(settings())).toEqual(expect.arrayContaining(wanted));
    });

    test('that are set are read', () => {
        const unread = Object.keys(settings()).filter((name) => !read.has(name) && !forHost.test(name));
        expect(unread).toEqual([]);
    });

    test('are found in whatever way the code reads them', () => {
        expect(readBy('const a = process.env.ONE ?? env.TWO ?? env[\'THREE\'] ?? process.env["FOUR"]')).toEqual([
            'ONE',
            'TWO',
            'THREE',
            'FOUR',
        ]);
    });
});

test('every parameter says what it is', () => {
    const silent = Object.entries(main.parameters!).filter(([, p]) => !p.metadata?.description);
    expect(silent).toEqual([]);
});

test('the parameter file sets only parameters that there are', () => {
    const file = JSON.parse(readFileSync(path.join(root, 'infra/main.parameters.json'), 'utf8')) as { parameters: object };
    expect(Object.keys(main.parameters!)).toEqual(expect.arrayContaining(Object.keys(file.parameters)));
});

test('what fails is told: orchestrations, answers of 5xx, storage that throttles', () => {
    const text = JSON.stringify(all.get('alerts'));
    for (const word of ['prop__state', 'ResultCode', 'ServerBusyError']) expect(text).toContain(word);
    expect(ofType('Microsoft.Insights/diagnosticSettings').length).toBeGreaterThan(3);
});
