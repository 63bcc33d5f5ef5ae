// The `@azure/functions-core` module, as the official Node worker offers it to an app, and one way to invoke what it registered.
import Module from 'node:module';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { randomUUID } from 'node:crypto';

export interface Binding {
    type: string;
    direction: string;
    [option: string]: unknown;
}

export interface FunctionMetadata {
    name: string;
    functionId?: string;
    bindings: Record<string, Binding>;
    retryOptions?: unknown;
}

export interface RegisteredFunction {
    metadata: FunctionMetadata;
    callback: (...args: unknown[]) => unknown;
    trigger: { name: string; binding: Binding };
}

/** Data of one binding, in the worker's protocol: the kind of the value is its key. */
export type RpcValue = { string?: string; json?: unknown; http?: unknown; bytes?: Uint8Array } & Record<string, unknown>;

const CAPABILITIES =
    'RawHttpBodyBytes RpcHttpTriggerMetadataRemoved RpcHttpBodyOnly IgnoreEmptyValuedRpcHttpHeaders UseNullableValueDictionaryForHttp ' +
    'WorkerStatus TypedDataCollection HandlesWorkerTerminateMessage';

type Hook = (context: Record<string, unknown>) => unknown;

interface ProgrammingModel {
    name: string;
    version: string;
    getInvocationModel: (coreContext: unknown) => InvocationModel;
    getCapabilities?: (capabilities: Record<string, string>) => Promise<Record<string, string>> | Record<string, string>;
}

interface InvocationModel {
    getArguments: () => Promise<{ context: unknown; inputs: unknown[] }>;
    invokeFunction: (context: unknown, inputs: unknown[], callback: unknown) => Promise<unknown>;
    getResponse: (context: unknown, result: unknown) => Promise<{ returnValue?: RpcValue; outputData?: unknown[] }>;
}

class Disposable {
    constructor(private readonly onDispose: () => void) {}
    static from(...all: { dispose: () => void }[]): Disposable {
        return new Disposable(() => all.forEach((d) => d.dispose()));
    }
    dispose(): void {
        this.onDispose();
    }
}

/** An app in this process: loaded once, then invoked. */
export class App {
    readonly functions = new Map<string, RegisteredFunction>();
    private readonly hooks: Record<string, Hook[]> = { preInvocation: [], postInvocation: [], appStart: [], appTerminate: [] };
    private model: ProgrammingModel | undefined;
    private locked = false;
    private entry = '';
    /** Where the app serves HTTP bodies as streams, if it does. */
    httpUri: string | undefined;

    constructor(
        readonly directory: string,
        private readonly log: (level: string, category: string, message: string) => void,
    ) {}

    async load(): Promise<void> {
        this.offerCore();
        const manifest = JSON.parse(readFileSync(path.join(this.directory, 'package.json'), 'utf8')) as { main?: string; type?: string };
        if (!manifest.main) throw new Error(`${this.directory}/package.json has no "main": it names the files that register functions`);
        const entries = glob(manifest.main, this.directory);
        if (entries.length === 0) throw new Error(`no file matches "main" (${manifest.main}) in ${this.directory}; build the app first`);
        for (const entry of entries) {
            const file = path.resolve(this.directory, entry);
            this.entry = entry;
            if (file.endsWith('.mjs') || (manifest.type === 'module' && !file.endsWith('.cjs'))) await import(pathToFileURL(file).href);
            else Module.createRequire(path.join(this.directory, 'package.json'))(file);
        }
        if (!this.model) throw new Error('the app set no programming model: it must load @azure/functions');
        for (const hook of this.hooks.appStart!) await hook({ hookData: {}, appHookData: {} });
        const offered = Object.fromEntries(CAPABILITIES.split(' ').map((name) => [name, 'true']));
        const capabilities: Record<string, string> = (await this.model.getCapabilities?.(offered)) ?? offered;
        this.httpUri = capabilities.HttpUri;
        this.locked = true;
    }

    async terminate(): Promise<void> {
        for (const hook of this.hooks.appTerminate!) await hook({ hookData: {}, appHookData: {} });
    }

    byTrigger(type: string): RegisteredFunction[] {
        return [...this.functions.values()].filter((f) => f.trigger.binding.type.toLowerCase() === type.toLowerCase());
    }

    /** Runs one invocation and gives the function's return value; throws what the function threw. */
    async invoke(
        fn: RegisteredFunction,
        inputs: { name: string; data: RpcValue }[],
        triggerMetadata: Record<string, RpcValue>,
        invocationId: string = randomUUID(),
    ): Promise<RpcValue | undefined> {
        const ids = [randomUUID(), randomUUID()].map((id) => id.replaceAll('-', ''));
        const traceParent = fn.trigger.binding.type === 'timerTrigger' ? '' : `00-${ids[0]}-${ids[1]!.slice(16)}-00`;
        const coreContext = {
            invocationId,
            request: {
                invocationId,
                functionId: fn.metadata.functionId,
                inputData: inputs.map(({ name, data }) => ({ name, data: kinded(data), rpcData: 'data' })),
                triggerMetadata: Object.fromEntries(Object.entries(triggerMetadata).map(([name, data]) => [name, kinded(data)])),
                traceContext: { attributes: {}, traceParent, traceState: '' },
                retryContext: null,
            },
            metadata: fn.metadata,
            log: (level: string, category: string, message: string) => this.log(level, category, message),
            state: undefined as string | undefined,
        };
        const invocation = this.model!.getInvocationModel(coreContext);
        const { context, inputs: args } = await invocation.getArguments();
        const shared: Record<string, unknown> = {
            hookData: {},
            appHookData: {},
            invocationContext: context,
            functionCallback: fn.callback,
            inputs: args,
        };
        for (const hook of this.hooks.preInvocation!) await hook(shared);
        shared.result = null;
        shared.error = null;
        try {
            shared.result = await invocation.invokeFunction(context, shared.inputs as unknown[], shared.functionCallback);
        } catch (error) {
            shared.error = error;
        }
        for (const hook of this.hooks.postInvocation!) await hook(shared);
        if (shared.error !== null) throw shared.error as Error;
        return (await invocation.getResponse(context, shared.result)).returnValue;
    }

    private offerCore(): void {
        const core = {
            version: '1.0.0',
            hostVersion: '4.1042.100',
            Disposable,
            registerFunction: (metadata: FunctionMetadata, callback: RegisteredFunction['callback']) => this.register(metadata, callback),
            registerHook: (name: string, callback: Hook) => {
                const list = (this.hooks[name] ??= []);
                list.push(callback);
                return new Disposable(() => list.splice(list.indexOf(callback), 1));
            },
            setProgrammingModel: (model: ProgrammingModel) => (this.model = model),
            getProgrammingModel: () => this.model,
            log: (level: string, category: string, message: string) => this.log(level, category, message),
        };
        // The SDKs require this module by name and fall back to a test mode, for good, when that fails: so before any app code.
        const loader = Module as unknown as { _load: (request: string, ...rest: unknown[]) => unknown };
        const load = loader._load.bind(loader);
        loader._load = (request, ...rest) => (request === '@azure/functions-core' ? core : load(request, ...rest));
    }

    private register(metadata: FunctionMetadata, callback: RegisteredFunction['callback']): Disposable {
        if (this.locked) throw new Error(`function "${metadata.name}" is registered after the app has started`);
        const trigger = Object.entries(metadata.bindings).find(([, b]) => b.type.toLowerCase().endsWith('trigger'));
        if (!trigger) throw new Error(`function "${metadata.name}" has no trigger`);
        const key = metadata.name.toLowerCase();
        if (this.functions.has(key)) throw new Error(`function "${metadata.name}" is registered twice`);
        const { name, bindings } = metadata;
        const full = {
            ...metadata,
            functionId: metadata.functionId ?? name,
            rawBindings: Object.entries(bindings).map(([binding, b]) => JSON.stringify({ ...b, name: binding })),
            scriptFile: this.entry,
            directory: this.directory,
        };
        this.functions.set(key, { metadata: full, callback, trigger: { name: trigger[0], binding: trigger[1] } });
        return new Disposable(() => this.functions.delete(key));
    }
}

/** The worker's messages name the kind that a value has, beside the value. */
const kinded = (data: RpcValue): RpcValue => {
    const kind = Object.keys(data)[0];
    return kind === undefined ? {} : { ...data, data: kind };
};

/** Files under `cwd` that match a pattern of `*` and `**`. */
function glob(pattern: string, cwd: string): string[] {
    const clean = pattern.replace(/^\.\//, '');
    if (!clean.includes('*')) return [clean];
    const source = clean
        .replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`)
        .replaceAll('**/', '\0')
        .replaceAll('*', '[^/]*')
        .replaceAll('\0', '(?:.*/)?');
    const form = new RegExp(`^${source}$`);
    return (readdirSync(cwd, { recursive: true }) as string[])
        .map((f) => f.replaceAll('\\', '/'))
        .filter((f) => !f.startsWith('node_modules/') && form.test(f))
        .sort();
}
