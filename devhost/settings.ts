// host.json and local.settings.json, with the environment over both, as the Functions host reads them.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Exit code with which the host process tells its supervisor that starting again is of no use. */
export const CANNOT_START = 70;
/** And with which it asks to be started again, as after a power cut: its running activities have not failed. */
export const START_AGAIN = 75;

export interface HostSettings {
    hub: string;
    routePrefix: string;
    maxActivities: number;
    maxOrchestrations: number;
    defaultVersion: string | null;
}

export interface LocalSettings {
    values: Record<string, string>;
    port: number | undefined;
}

const readJson = (file: string): Record<string, unknown> => {
    if (!existsSync(file)) return {};
    try {
        return JSON.parse(readFileSync(file, 'utf8').replace(/^\ufeff/, '')) as Record<string, unknown>;
    } catch (error) {
        throw new Error(`${file} is not JSON: ${(error as Error).message}`, { cause: error });
    }
};

export function readLocalSettings(app: string): LocalSettings {
    const { Values = {}, Host = {} } = readJson(path.join(app, 'local.settings.json')) as {
        Values?: Record<string, string>;
        Host?: { LocalHttpPort?: number };
    };
    return { values: Values, port: Host.LocalHttpPort };
}

/** The value of the app setting that the whole of `text` names, `%NAME%`; any other text as it is. The case of NAME does not matter. */
function resolveWhole(text: string, env: NodeJS.ProcessEnv): string {
    const name = /^%([^%]+)%$/.exec(text)?.[1];
    if (name === undefined) return text;
    const value = Object.entries(env).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1];
    if (!value)
        throw new Error(
            `host.json: hubName is ${text}, and there is no app setting ${name}: set it in local.settings.json or the environment`,
        );
    return value;
}

/** An environment variable `AzureFunctionsJobHost__a__b` overrides `a.b` of host.json. */
export function readHostSettings(app: string, env: NodeJS.ProcessEnv = process.env): HostSettings {
    const file = path.join(app, 'host.json');
    if (!existsSync(file)) throw new Error(`${app} holds no host.json: it is not a Functions app`);
    const config = readJson(file);
    const get = (...keys: string[]): string | undefined => {
        const name = `AzureFunctionsJobHost__${keys.join('__')}`.toLowerCase();
        const override = Object.entries(env).find(([k]) => k.toLowerCase() === name)?.[1];
        if (override !== undefined) return override;
        const found = keys.reduce<unknown>(
            (node, key) =>
                typeof node === 'object' && node !== null
                    ? Object.entries(node).find(([k]) => k.toLowerCase() === key.toLowerCase())?.[1]
                    : undefined,
            config,
        );
        return typeof found === 'string' || typeof found === 'number' || typeof found === 'boolean' ? String(found) : undefined;
    };
    const durable = (...keys: string[]) => get('extensions', 'durableTask', ...keys);
    const hub = resolveWhole(durable('hubName') ?? 'TestHubName', env);
    if (!/^[A-Za-z][A-Za-z0-9]{2,44}$/.test(hub))
        throw new Error(`the hub name "${hub}" must be 3 to 45 letters and digits, a letter first`);
    for (const key of ['workItemQueueVisibilityTimeout', 'controlQueueVisibilityTimeout']) {
        const given = durable('storageProvider', key);
        // The real host refuses to start then, so this one does.
        if (given !== undefined && !/^00:(?!00)[0-5]\d:\d\d$|^01:00:00$/.test(given))
            throw new Error(`host.json: ${key} is ${given}; allowed is 00:01:00 to 01:00:00`);
    }
    return {
        hub,
        routePrefix: get('extensions', 'http', 'routePrefix') ?? 'api',
        maxActivities: Number(durable('maxConcurrentActivityFunctions') ?? 10),
        maxOrchestrations: Number(durable('maxConcurrentOrchestratorFunctions') ?? 5),
        defaultVersion: durable('defaultVersion') ?? null,
    };
}
