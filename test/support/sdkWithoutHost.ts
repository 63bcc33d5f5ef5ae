// The durable SDK driven by hand, without a host: a trigger in, the answer out, as the worker exchanges them with the Functions host.
// A test says: jest.mock('@azure/functions-core', () => jest.requireActual('../support/sdkWithoutHost').functionsCore, { virtual: true }).
interface Model {
    getInvocationModel: (context: unknown) => {
        getArguments: () => Promise<{ context: unknown; inputs: unknown[] }>;
        invokeFunction: (context: unknown, inputs: unknown[], callback: unknown) => Promise<unknown>;
        getResponse: (context: unknown, result: unknown) => Promise<{ returnValue?: { string?: string; json?: string } }>;
    };
}
interface Registered {
    metadata: { name: string; bindings: Record<string, { type: string }> };
    callback: unknown;
}

const functions = new Map<string, Registered>();
let model: Model;

/** What the host gives to the worker as the module `@azure/functions-core`. */
export const functionsCore = {
    version: '1.0.0',
    hostVersion: '4',
    Disposable: class {},
    registerHook: () => undefined,
    registerFunction: (metadata: Registered['metadata'], callback: unknown) => functions.set(metadata.name, { metadata, callback }),
    setProgrammingModel: (given: Model) => (model = given),
    getProgrammingModel: () => model,
    log: () => undefined,
};

/** Calls a registered function with the payload of its trigger; gives its answer, or what it threw. */
export async function callFunction(name: string, trigger: unknown): Promise<unknown> {
    const { metadata, callback } = functions.get(name)!;
    const input = { name: Object.keys(metadata.bindings)[0], data: { string: JSON.stringify(trigger) } };
    const request = { invocationId: 'i', functionId: name, inputData: [input], triggerMetadata: {} };
    const invocation = model.getInvocationModel({ invocationId: 'i', metadata, request, log: () => undefined, state: undefined });
    const { context, inputs } = await invocation.getArguments();
    try {
        const { returnValue } = await invocation.getResponse(context, await invocation.invokeFunction(context, inputs, callback));
        return JSON.parse(returnValue?.string ?? returnValue?.json ?? 'null') as unknown;
    } catch (error) {
        return { thrown: (error as Error).message };
    }
}
