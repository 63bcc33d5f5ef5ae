// The recordings against the SDK, without any host: what the real host sent leads to what was answered to it.
import path from 'node:path';
import { answered, episodesOf, functionOf, golden, goldenApp, masker, scenarios, type Answer } from './golden';

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

const mockFunctions = new Map<string, Registered>();
let mockModel: Model;
jest.mock(
    '@azure/functions-core',
    () => ({
        version: '1.0.0',
        hostVersion: '4',
        Disposable: class {},
        registerHook: () => undefined,
        registerFunction: (metadata: Registered['metadata'], callback: unknown) => mockFunctions.set(metadata.name, { metadata, callback }),
        setProgrammingModel: (model: Model) => (mockModel = model),
        getProgrammingModel: () => mockModel,
        log: () => undefined,
    }),
    { virtual: true },
);
// eslint-disable-next-line @typescript-eslint/no-require-imports
beforeAll(() => void require(path.join(goldenApp, 'index.js')));

async function call(name: string, trigger: unknown): Promise<Answer> {
    const { metadata, callback } = mockFunctions.get(name)!;
    const input = { name: Object.keys(metadata.bindings)[0], data: { string: JSON.stringify(trigger) } };
    const request = { invocationId: 'i', functionId: name, inputData: [input], triggerMetadata: {} };
    const model = mockModel.getInvocationModel({ invocationId: 'i', metadata, request, log: () => undefined, state: undefined });
    const { context, inputs } = await model.getArguments();
    try {
        const { returnValue } = await model.getResponse(context, await model.invokeFunction(context, inputs, callback));
        return JSON.parse(returnValue?.string ?? returnValue?.json ?? 'null') as Answer;
    } catch (error) {
        return { thrown: (error as Error).message };
    }
}

// The long text that `big` handles is cut in its recording.
test.each(scenarios.filter((s) => s !== 'big'))('%s: every recorded trigger leads to the recorded answer', async (scenario) => {
    for (const { trigger, answer } of episodesOf(scenario))
        expect(answered(await call(functionOf(scenario), trigger))).toEqual(answered(answer));
});

test('entities: every recorded batch leads to the recorded answer', async () => {
    for (const recorded of golden<{ function: string; trigger: unknown; answer: Answer }[]>('entities'))
        expect(masker()(await call(recorded.function, recorded.trigger))).toEqual(masker()(recorded.answer));
});
