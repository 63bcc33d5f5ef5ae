// Every app setting that the app reads, in one place. docs/deploy.md lists the same names.

export interface Settings {
    /** Connection string of the account that holds job data; by default the host's own. */
    dataConnection: string | undefined;
    /** Blob service URL of that account, reached with the app's identity; wins over the connection string. */
    dataAccountUrl: string | undefined;
    /** Client id of the user-assigned identity; without it the default credential chooses. */
    clientId: string | undefined;
    container: string;
}

export const readSettings = (env: NodeJS.ProcessEnv = process.env): Settings => ({
    dataConnection: env.FANFOLD_DATA_CONNECTION ?? env.AzureWebJobsStorage,
    dataAccountUrl: env.FANFOLD_DATA_ACCOUNT_URL,
    clientId: env.AZURE_CLIENT_ID,
    container: env.FANFOLD_CONTAINER ?? 'fanfold',
});

// Settings that belong to the platform or to Fanfold itself: a job spec must not be able to send them anywhere.
const platform =
    /^(APPINSIGHTS|APPLICATIONINSIGHTS|APPSETTING|AZURE|CONTAINER|DOTNET|ENCRYPTION|FANFOLD|FUNCTIONS?|HOST|IDENTITY|LD|MACHINEKEY|MSI|NODE|NPM|SCM|WEBSITES?|WEBJOBS)_/;
const own = new Set(['PATH', 'HOME', 'PWD', 'USER', 'SHELL', 'HOSTNAME']);

/** The value of a secret that a job spec names, or undefined when there is no such setting or it is not for job specs. */
export function resolveSecret(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
    if (!/^[A-Z][A-Z0-9_]{0,99}$/.test(name) || platform.test(name) || own.has(name)) return undefined;
    return env[name] || undefined;
}
