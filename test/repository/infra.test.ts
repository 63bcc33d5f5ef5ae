// What must hold of the deployed resources, read from the template that infra/ compiles to, and of what azd makes of it.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parse } from 'yaml';
import { all, main, ofType, resources, root, settings, textOf, type Resource } from '../support/template';

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
        // Three are on one account, which refuses the second while it is busy with the first.
        expect(ofType('Microsoft.Network/privateEndpoints')[0]!.copy).toMatchObject({ mode: 'serial', batchSize: 1 });
        const [subnet] = ofType('Microsoft.Network/virtualNetworks')[0]!.properties.subnets as Resource[];
        expect(JSON.stringify(subnet!.properties.delegations)).toContain('Microsoft.App/environments');
    });

    test('is closed to the public network when the app is in a virtual network', () => {
        for (const { properties } of [...ofType('Microsoft.Storage/storageAccounts'), ...ofType('Microsoft.KeyVault/vaults')])
            expect(properties.publicNetworkAccess).toBe("[if(parameters('privateOnly'), 'Disabled', 'Enabled')]");
        const given = (module: string) => {
            const modules = Object.values(all.get('resources')!.resources).filter((r) => r.type === 'Microsoft.Resources/deployments');
            const { parameters } = modules.find((r) => r.name === module)!.properties as { parameters: Record<string, { value: string }> };
            return parameters.privateOnly!.value;
        };
        expect(given('host-storage')).toBe("[parameters('vnetEnabled')]");
        expect(given('data-storage')).toBe("[parameters('vnetEnabled')]");
        // The way out when references to a private vault do not resolve.
        expect(given('vault')).toBe("[and(parameters('vnetEnabled'), not(parameters('vaultPublicAccess')))]");
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

    test('has its task hub named in host.json, where the platform that wakes instances looks, and by no setting', () => {
        const { hubName } = (JSON.parse(textOf('host.json')) as { extensions: { durableTask: { hubName: string } } }).extensions
            .durableTask;
        expect(hubName).toMatch(/^[A-Za-z][A-Za-z0-9]{2,44}$/);
        expect(Object.keys(settings()).filter((name) => /hub/i.test(name))).toEqual([]);
        expect(JSON.stringify(main)).not.toMatch(/hubName/i);
    });

    test('keeps as many instances ready as asked for, by group, and none by default', () => {
        const { alwaysReady } = (app().properties.functionAppConfig as { scaleAndConcurrency: { alwaysReady: string } })
            .scaleAndConcurrency;
        for (const [group, parameter] of [
            ['http', 'alwaysReadyHttp'],
            ['durable', 'alwaysReadyDurable'],
        ] as const) {
            expect(alwaysReady).toContain(`createObject('name', '${group}', 'instanceCount', parameters('${parameter}'))`);
            expect(main.parameters![parameter]).toMatchObject({ defaultValue: 0 });
        }
        expect(alwaysReady).toMatch(/^\[filter\(.*greater\(lambdaVariables\('ready'\)\.instanceCount, 0\)\)\)\]$/);
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

    test('are the built-in ones of those names, the same in every subscription, and for the app but the one of an operator', () => {
        expect(all.get('roles')!.variables!.role).toEqual({
            blobOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b',
            blobContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe',
            queueContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88',
            tableContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3',
            metricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb',
            secretsUser: '4633458b-17de-408a-b874-0445c86b69e6',
            secretsOfficer: 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7',
        });
        for (const { condition, properties } of ofType('Microsoft.Authorization/roleAssignments'))
            expect([properties.principalId, properties.principalType]).toEqual(
                condition
                    ? ["[parameters('operatorId')]", "[parameters('operatorType')]"]
                    : ["[parameters('principalId')]", 'ServicePrincipal'],
            );
    });
});

/** The modules of infra/app/resources.bicep, by their symbolic names. */
const modules = () =>
    Object.entries(all.get('resources')!.resources).filter(([, r]) => r.type === 'Microsoft.Resources/deployments') as [
        string,
        Resource & { dependsOn?: string[]; properties: { parameters: Record<string, { value: unknown }> } },
    ][];

test('each parameter reaches the module that it is for, under its name or another that says the same', () => {
    const otherwise: Record<string, string> = {
        operatorId: 'principalId',
        operatorType: 'principalType',
        retentionDays: 'logRetentionDays',
        dailyCapGB: 'logDailyCapGB',
        sku: 'storageSku',
        privateOnly: 'vnetEnabled',
        addressPrefix: 'vnetAddressPrefix',
        email: 'alertEmail',
    };
    const outer = (main.resources as Record<string, Resource>).resources!.properties.parameters as Record<string, { value: unknown }>;
    const passed = [outer, ...modules().map(([, { properties }]) => properties.parameters)].flatMap((given) =>
        Object.entries(given).flatMap(([name, { value }]) => {
            const [, source] = /^\[parameters\('(\w+)'\)\]$/.exec(typeof value === 'string' ? value : '') ?? [];
            return source ? [{ name, source }] : [];
        }),
    );
    expect(passed.length).toBeGreaterThan(40);
    for (const { name, source } of passed) expect([name, [name, otherwise[name]]]).toEqual([name, expect.arrayContaining([source])]);
});

test('the app starts when its identity has its roles and, in a virtual network, when what it reaches is there', () => {
    const [, { dependsOn, properties }] = modules().find(([name]) => name === 'function')!;
    expect(dependsOn).toEqual(expect.arrayContaining(['roles', 'network']));
    expect(properties.parameters.subnetId!.value).toContain("if(parameters('vnetEnabled'), reference('network'), null())");
    expect(ofType('Microsoft.Web/sites')[0]!.properties.virtualNetworkSubnetId).toContain("parameters('subnetId')");
    const [, roles] = modules().find(([name]) => name === 'roles')!;
    expect(roles.properties.parameters.principalId!.value).toBe("[reference('identity').outputs.principalId.value]");
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

    test('keys of callers are in no deployment that somebody can look up, on their whole way to the app', () => {
        for (const name of ['main', 'resources', 'function'])
            expect([name, all.get(name)!.parameters!.keys!.type]).toEqual([name, 'securestring']);
        expect(settings()).toMatchObject({ FANFOLD_KEYS: "parameters('keys')", FANFOLD_LIMITERS_BY: "parameters('limitersBy')" });
        expect(settings().FANFOLD_ROLES).toBe("if(parameters('rolesRequired'), 'required', '')");
    });

    test('are listed for the app as they are named, hosts and all, and each is one setting', () => {
        expect(settings().FANFOLD_SECRETS).toBe("join(parameters('secretNames'), ',')");
        const { variables, resources: own } = all.get('function')!;
        const made = JSON.stringify([variables, own]);
        expect(made).toContain(
            "union(map(parameters('secretNames'), lambda('entry', split(lambdaVariables('entry'), '@')[0])), createArray())",
        );
        expect(made).not.toContain("toObject(parameters('secretNames')");
    });

    test('are references to the vault, under the names that job specs use', () => {
        const made = JSON.stringify(all.get('function')!.variables ?? {}) + JSON.stringify(all.get('function')!.resources);
        expect(made).toContain('@Microsoft.KeyVault(SecretUri={0}secrets/{1})');
        expect(ofType('Microsoft.Web/sites')[0]!.properties).toHaveProperty('keyVaultReferenceIdentity');
        expect(ofType('Microsoft.KeyVault/vaults')[0]!.properties.enableRbacAuthorization).toBe(true);
        expect(resources.filter((r) => r.type.startsWith('Microsoft.KeyVault/vaults/secrets'))).toEqual([]);
    });
});

describe('app settings', () => {
    /** The names that a source text reads from the environment. */
    const readBy = (source: string) => [...source.matchAll(/\benv(?:\.|\??\[['"])([A-Za-z_]\w*)/g)].map((m) => m[1]!);
    // The command line is no part of the app: its environment is that of whoever runs it.
    const files = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter(
        (file) => file.endsWith('.ts') && !file.startsWith(`cli${path.sep}`),
    );
    const read = new Set(files.flatMap((file) => readBy(textOf(`src/${file}`))));

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
        const readers = files.filter((file) => /\bprocess\s*\.\s*env\b|\benv\b.*from ['"](node:)?process['"]/.test(textOf(`src/${file}`)));
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

test('logs are taken up to a daily cap, of 1 GB unless another is asked for', () => {
    expect(ofType('Microsoft.OperationalInsights/workspaces')[0]!.properties.workspaceCapping).toEqual({
        dailyQuotaGb: "[parameters('dailyCapGB')]",
    });
    expect(main.parameters!.logDailyCapGB!.defaultValue).toBe(1);
});

test('azd asks for a location as a location, and gives back what its users look for', () => {
    expect(main.parameters!.location!.metadata!.azd).toEqual({ type: 'location' });
    expect(main.outputs).toMatchObject({
        AZURE_LOCATION: { value: "[parameters('location')]" },
        AZURE_TENANT_ID: { value: '[tenant().tenantId]' },
        SERVICE_API_NAME: { value: main.outputs!.FUNCTION_APP_NAME!.value },
        AZURE_FUNCTION_NAME: { value: main.outputs!.FUNCTION_APP_NAME!.value },
    });
});

test('an environment may have each name that azd takes, and its resource group one that Azure takes', () => {
    // azd: up to 64 letters, digits, hyphens, parentheses, underscores and full stops; a resource group: up to 90.
    const { maxLength } = main.parameters!.environmentName as { maxLength?: number };
    expect(maxLength).toBe(64);
    const group = main.parameters!.resourceGroupName!.defaultValue as string;
    expect(group).toBe("[format('rg-fanfold-{0}', parameters('environmentName'))]");
    expect('rg-fanfold-'.length + maxLength!).toBeLessThanOrEqual(90);
});

test('a rule of the linter warns whoever compiles with another version, and stops the check here', () => {
    const { analyzers } = JSON.parse(textOf('infra/bicepconfig.json')) as {
        analyzers: { core: { rules: Record<string, { level: string }> } };
    };
    const levels = Object.values(analyzers.core.rules).map((rule) => rule.level);
    expect(levels.length).toBeGreaterThan(30);
    expect(new Set(levels)).toEqual(new Set(['warning']));
    const check = (says: string) => {
        const folder = mkdtempSync(path.join(os.tmpdir(), 'fanfold-bicep-'));
        try {
            const cli = path.join(folder, 'bicep');
            writeFileSync(cli, `#!/bin/sh\n[ "$1" != build ] || { cat test/fixtures/main.arm.json; echo '${says}' >&2; }\n`, {
                mode: 0o755,
            });
            const env = { ...process.env, BICEP_CLI: cli };
            return spawnSync(process.execPath, ['scripts/check-bicep.mjs'], { cwd: root, env, encoding: 'utf8' }).status;
        } finally {
            rmSync(folder, { recursive: true, force: true });
        }
    };
    expect(check('')).toBe(0);
    expect(check('main.bicep(1,7) : Warning no-unused-params: Parameter "x" is declared but never used.')).toBe(1);
});

test('every parameter says what it is', () => {
    const silent = Object.entries(main.parameters!).filter(([, p]) => !p.metadata?.description);
    expect(silent).toEqual([]);
});

test('the parameter file sets only parameters that there are, to values that they may have', () => {
    const file = JSON.parse(textOf('infra/main.parameters.json')) as { parameters: Record<string, { value: unknown }> };
    expect(Object.keys(main.parameters!)).toEqual(expect.arrayContaining(Object.keys(file.parameters)));
    for (const [name, { value }] of Object.entries(file.parameters)) {
        const { allowedValues, defaultValue, type: exact } = main.parameters![name]!;
        const type = exact === 'securestring' ? 'string' : exact;
        // ${NAME=default}: of the azd environment, or else the default. azd makes true and 40 of "true" and "40" where the parameter wants
        // that, and a list of JSON; a name that is not set and has no default is as if the parameter were not there.
        const [, text] = /^\$\{\w+(?:=(.*))?\}$/.exec(value as string)!;
        if (text === undefined) continue;
        const known: unknown = type === 'string' ? text : JSON.parse(text);
        expect({ string: 'string', number: 'int', boolean: 'bool' }[typeof known as string]).toBe(type);
        if (allowedValues) expect(allowedValues).toContain(known);
        if (defaultValue !== undefined) expect(known).toEqual(defaultValue);
    }
});

test('what costs, what hides and what keeps secrets is set by azd environment, without a change of a file', () => {
    const { parameters } = JSON.parse(textOf('infra/main.parameters.json')) as { parameters: Record<string, { value: string }> };
    expect(parameters).toMatchObject({
        vnetEnabled: { value: '${VNET_ENABLED=false}' },
        secretNames: { value: '${FANFOLD_SECRET_NAMES}' },
        alwaysReadyHttp: { value: '${FANFOLD_ALWAYS_READY_HTTP=0}' },
        alwaysReadyDurable: { value: '${FANFOLD_ALWAYS_READY_DURABLE=0}' },
        logDailyCapGB: { value: '${FANFOLD_LOG_DAILY_CAP_GB=1}' },
    });
});

test('azd finds what it deploys, and where to', () => {
    const azd = parse(textOf('azure.yaml')) as {
        infra: object;
        metadata: object;
        services: Record<string, object>;
        hooks: Record<string, { posix: { shell: string; run: string }; windows: { shell: string; run: string } }>;
    };
    const { name, version } = JSON.parse(textOf('package.json')) as { name: string; version: string };
    expect(textOf('azure.yaml')).toMatch(/^# yaml-language-server: \$schema=https:\S+\/azure\.yaml\.json\n/);
    expect(azd.metadata).toEqual({ template: `${name}@${version}` });
    expect(azd.infra).toEqual({ provider: 'bicep', path: 'infra', module: 'main' });
    expect(azd.services).toEqual({ api: { project: './dist/app', language: 'js', host: 'function', remoteBuild: false } });
    expect(JSON.stringify(ofType('Microsoft.Web/sites')[0])).toContain("createObject('azd-service-name', 'api')");
    expect(JSON.stringify(main.variables)).toContain("'azd-env-name', parameters('environmentName')");
    // On a fresh clone the first thing that azd runs is one of these, in the shell of the system. Windows PowerShell 5 knows no "&&".
    for (const hook of ['prepackage', 'predeploy'])
        expect(azd.hooks[hook]).toEqual({
            posix: { shell: 'sh', run: 'npm ci --ignore-scripts && npm run package' },
            windows: { shell: 'pwsh', run: 'npm ci --ignore-scripts; if ($LASTEXITCODE -eq 0) { npm run package }' },
        });
    expect(textOf('scripts/package.mjs')).toContain("path.join(out, 'app')");
});

test('what fails is told: orchestrations, answers of 5xx, storage that throttles', () => {
    const text = JSON.stringify(all.get('alerts'));
    for (const word of ['prop__state', 'ResultCode', 'ServerBusyError']) expect(text).toContain(word);
    expect(ofType('Microsoft.Insights/diagnosticSettings').length).toBeGreaterThan(3);
});
