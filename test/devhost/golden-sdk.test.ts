// The recordings against the SDK, without any host: what the real host sent leads to what was answered to it.
import path from 'node:path';
import { callFunction } from '../support/sdkWithoutHost';
import { answered, episodesOf, functionOf, golden, goldenApp, masker, scenarios, type Answer } from './golden';

jest.mock('@azure/functions-core', () => jest.requireActual<{ functionsCore: object }>('../support/sdkWithoutHost').functionsCore, {
    virtual: true,
});
// eslint-disable-next-line @typescript-eslint/no-require-imports
beforeAll(() => void require(path.join(goldenApp, 'index.js')));

const call = async (name: string, trigger: unknown): Promise<Answer> => (await callFunction(name, trigger)) as Answer;

// The long text that `big` handles is cut in its recording.
test.each(scenarios.filter((s) => s !== 'big'))('%s: every recorded trigger leads to the recorded answer', async (scenario) => {
    for (const { trigger, answer } of episodesOf(scenario))
        expect(answered(await call(functionOf(scenario), trigger))).toEqual(answered(answer));
});

test('entities: every recorded batch leads to the recorded answer', async () => {
    for (const recorded of golden<{ function: string; trigger: unknown; answer: Answer }[]>('entities'))
        expect(masker()(await call(recorded.function, recorded.trigger))).toEqual(masker()(recorded.answer));
});
