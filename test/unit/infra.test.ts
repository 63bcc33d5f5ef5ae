// What must hold of the deployed resources, read from the template that infra/ compiles to. That the fixture is of the present
// Bicep sources is proved by scripts/check-bicep.mjs, which needs the Bicep CLI.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parse } from 'yaml';

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
    parameters?: Record<string, { type: string; metadata?: { description?: string }; allowedValues?: unknown[]; defaultValue?: unknown }>;
}

const root = path.resolve(__dirname, '../..');
const textOf = (file: string) => readFileSync(path.join(root, file), 'utf8');
const main = JSON.parse(textOf('test/fixtures/main.arm.json')) as Template;

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

    test('is reached by private endpoints, by names that lead to them, when the app is in a virtual network', () => {
        const network = resources.find((r) => r.type === 'Microsoft.Resources/deployments' && r.name === 'network')!;
        expect(network.condition).toBe("[parameters('vnetEnabled')]");
        const { endpoints, zoneNames } = all.get('network')!.variables as {
            endpoints: { group: string; zone: number }[];
            zoneNames: string[];
        };
        expect(endpoints.map((e) => e.group)).toEqual(['blob', 'queue', 'table', 'blob', 'vault']);
        for (const { group, zone } of endpoints) expect(zoneNames[zone]).toContain(group === 'vault' ? 'vaultcore' : `.${group}.`);
        for (const type of [
            'privateEndpoints',
            'privateEndpoints/privateDnsZoneGroups',
            'privateDnsZones',
            'privateDnsZones/virtualNetworkLinks',
        ])
            expect(ofType(`Microsoft.Network/${type}`)[0]!.copy).toBeDefined();
        const [subnet] = ofType('Microsoft.Network/virtualNetworks')[0]!.properties.subnets as Resource[];
        expect(JSON.stringify(subnet!.properties.delegations)).toContain('Microsoft.App/environments');
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
            JSON.parse(textOf('host.json')) as {
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

test('sign-in is asked for only where an application is named, and then by an answer, not by a page', () => {
    const config = Object.values(all.get('function')!.resources).find((r) => r.name.includes('authsettingsV2'))!;
    expect(config.condition).toBe("[not(empty(parameters('authClientId')))]");
    expect(config.properties.globalValidation).toEqual({
        requireAuthentication: true,
        unauthenticatedClientAction: 'Return401',
        excludedPaths: ['/api/health', '/admin/host/status'],
    });
});

test('nothing is taken from a registry: modules are files beside the one that uses them', () => {
    const files = readdirSync(path.join(root, 'infra'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.bicep'));
    const used = files.flatMap((file) =>
        [...textOf(`infra/${file}`).matchAll(/^(?:module \w+|import .* from|using) '([^']+)'/gm)].map((m) => m[1]!),
    );
    expect(used.length).toBeGreaterThan(8);
    for (const module of used) expect(module).toMatch(/^[\w/]+\.bicep$/);
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
        .map((file) => textOf(`src/${file}`));
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

    test('are read in src/settings.ts, and nowhere else', () => {
        const readers = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter(
            (file) => file.endsWith('.ts') && /\bprocess\s*\.\s*env\b|\benv\b.*from ['"](node:)?process['"]/.test(textOf(`src/${file}`)),
        );
        expect(readers).toEqual(['settings.ts']);
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

test('the parameter file sets only parameters that there are, to values that they may have', () => {
    const file = JSON.parse(textOf('infra/main.parameters.json')) as { parameters: Record<string, { value: unknown }> };
    expect(Object.keys(main.parameters!)).toEqual(expect.arrayContaining(Object.keys(file.parameters)));
    for (const [name, { value }] of Object.entries(file.parameters)) {
        const { type, allowedValues } = main.parameters![name]!;
        // ${NAME=default}: of the environment, or else the default.
        const known = typeof value === 'string' ? /^\$\{\w+(?:=(.*))?\}$/.exec(value)?.[1] : value;
        if (known === undefined) continue;
        expect(Array.isArray(known) ? 'array' : { string: 'string', number: 'int', boolean: 'bool' }[typeof known as string]).toBe(type);
        if (allowedValues) expect(allowedValues).toContain(known);
    }
});

test('azd finds what it deploys, and where to', () => {
    const azd = parse(textOf('azure.yaml')) as { infra: object; services: Record<string, object>; hooks: Record<string, { run: string }> };
    expect(azd.infra).toEqual({ provider: 'bicep', path: 'infra', module: 'main' });
    expect(azd.services).toEqual({ api: { project: './dist/app', language: 'js', host: 'function', remoteBuild: false } });
    expect(JSON.stringify(ofType('Microsoft.Web/sites')[0])).toContain("createObject('azd-service-name', 'api')");
    expect(JSON.stringify(main.variables)).toContain("'azd-env-name', parameters('environmentName')");
    // On a fresh clone the first thing that azd runs is one of these.
    for (const hook of ['prepackage', 'predeploy']) expect(azd.hooks[hook]!.run).toBe('npm ci && npm run package');
    expect(textOf('scripts/package.mjs')).toContain("path.join(out, 'app')");
});

test('what fails is told: orchestrations, answers of 5xx, storage that throttles', () => {
    const text = JSON.stringify(all.get('alerts'));
    for (const word of ['prop__state', 'ResultCode', 'ServerBusyError']) expect(text).toContain(word);
    expect(ofType('Microsoft.Insights/diagnosticSettings').length).toBeGreaterThan(3);
});

describe('the pages', () => {
    const pages = { deploy: textOf('docs/deploy.md'), operate: textOf('docs/operate.md') };
    const both = pages.deploy + pages.operate;
    const scripts = [...both.matchAll(/^ *```sh\n([^]*?)^ *```$/gm)].map((m) => m[1]!);

    /** Runs a script in which `az` is a script too. */
    function bash(script: string, az: string): string {
        const folder = mkdtempSync(path.join(os.tmpdir(), 'fanfold-pages-'));
        try {
            writeFileSync(path.join(folder, 'az'), `#!/bin/sh\n${az}\n`, { mode: 0o755 });
            const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
            const ran = spawnSync('bash', ['-euo', 'pipefail', '-c', script], { env, encoding: 'utf8' });
            if (ran.status !== 0) throw new Error(ran.stderr);
            return ran.stdout.trim();
        } finally {
            rmSync(folder, { recursive: true, force: true });
        }
    }
    const containing = (text: string) => scripts.find((script) => script.includes(text))!;

    test('hold scripts that bash can read', () => {
        expect(scripts.length).toBeGreaterThan(12);
        for (const script of scripts) expect(spawnSync('bash', ['-n'], { input: script, encoding: 'utf8' }).stderr).toBe('');
    });

    test('list every app setting that is read or set', () => {
        const listed = [...pages.deploy.matchAll(/^\| `(\w+)(\*?)` \|/gm)].map(([, name, more]) => ({ name: name!, more: more === '*' }));
        const isListed = (name: string) => listed.some((l) => (l.more ? name.startsWith(l.name) : name === l.name));
        const inSource = [...textOf('src/settings.ts').matchAll(/\benv\.(\w+)/g)].map((m) => m[1]!);
        const names = [...Object.keys(settings()), ...inSource.filter((name) => name !== 'AzureWebJobsStorage')];
        expect(names.filter((name) => !isListed(name))).toEqual([]);
    });

    test('name every output, and no other', () => {
        const used = [...both.matchAll(/\bout ([A-Z_]+)/g)].map((m) => m[1]!);
        expect([...new Set(used)].sort()).toEqual(Object.keys(main.outputs!).sort());
    });

    test('find an output under the name that Azure gives it', () => {
        const [, lookUp] = /^(outputs=[^]*?^}$)/m.exec(containing('outputs='))!;
        const given = JSON.stringify({
            functioN_APP_NAME: { type: 'String', value: 'func-1' },
            keY_VAULT_NAME: { type: 'String', value: 'kv-1' },
        });
        expect(bash(`${lookUp}\nout FUNCTION_APP_NAME; out KEY_VAULT_NAME`, `echo '${given}'`)).toBe('func-1\nkv-1');
    });

    test('register an application for sign-in with documents that are JSON', () => {
        const script = containing('expose()');
        const sent = bash(
            script,
            'case "$*" in *--body*) for last; do :; done; echo "$last" | tr "\\n" " "; echo ;; "ad app create"*) echo client ;; esac',
        );
        const [first, second] = sent.split('\n').map((line) => (JSON.parse(line) as { api: Record<string, { id: string }[]> }).api);
        expect(first!.preAuthorizedApplications).toEqual([]);
        expect(second!.oauth2PermissionScopes).toEqual(first!.oauth2PermissionScopes);
        expect(second!.preAuthorizedApplications![0]).toMatchObject({ delegatedPermissionIds: [first!.oauth2PermissionScopes![0]!.id] });
    });

    test('say of every alert what it means', () => {
        const { queries } = all.get('alerts')!.variables as { queries: { name: string; title: string }[] };
        for (const { name, title } of queries) {
            expect(pages.operate).toContain(`### ${title}\n`);
            expect(pages.operate).toContain(`fanfold-…-${name}`);
        }
        for (const account of ['host', 'data']) expect(pages.operate).toContain(`fanfold-…-storage-throttled-${account}`);
    });

    test('give the scaling settings the values that they have', () => {
        const host = JSON.stringify(JSON.parse(textOf('host.json')));
        const rows = [...pages.deploy.matchAll(/^\| ((?:`\w+`(?:, )?)+), (\w[\w ]*) \| (`host\.json`|Bicep) \|/gm)];
        expect(rows.length).toBeGreaterThan(6);
        for (const [, names, shown, where] of rows)
            for (const [, name] of names!.matchAll(/`(\w+)`/g)) {
                const value =
                    where === 'Bicep'
                        ? JSON.stringify(main.parameters![name!]!.defaultValue)
                        : new RegExp(`"${name}":("[^"]*"|\\w+)`).exec(host)?.[1];
                const minutes = /^"00:(\d\d):00"$/.exec(value ?? '');
                expect([name, minutes ? `${Number(minutes[1])} minute${minutes[1] === '01' ? '' : 's'}` : value]).toEqual([name, shown]);
            }
    });
});
