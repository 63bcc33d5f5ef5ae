// Jobs of released versions, taken up by the orchestrators as they are now: what they have decided they must decide again, or a job in flight breaks
// when its app is updated. A folder a version; docs/orchestrators.md says what to do when this fails.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { callFunction } from '../support/sdkWithoutHost';
import type { RecordedEpisode } from './record';

jest.mock('@azure/functions-core', () => jest.requireActual<{ functionsCore: object }>('../support/sdkWithoutHost').functionsCore, {
    virtual: true,
});
// eslint-disable-next-line @typescript-eslint/no-require-imports
beforeAll(() => void require('../../src/functions'));

const versions = readdirSync(__dirname, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
const recorded = versions.flatMap((version) => readdirSync(path.join(__dirname, version)).map((file) => path.join(version, file)));

const episodesOf = (file: string): RecordedEpisode[] => JSON.parse(readFileSync(path.join(__dirname, file), 'utf8')) as RecordedEpisode[];

/** What a replay is held to: which tasks, in which order, and the end. What is handed to them may grow by a field. */
function decisions(answer: unknown): unknown {
    if (Array.isArray(answer)) return answer.map(decisions);
    if (typeof answer !== 'object' || answer === null) return answer;
    const told = Object.entries(answer).filter(([key]) => key !== 'input');
    return Object.fromEntries(told.map(([key, value]) => [key, decisions(value)]));
}

test('there are histories of jobs that succeed, retry, are cancelled, crash and fail', () => {
    expect(recorded.length).toBeGreaterThanOrEqual(7);
    expect(recorded.flatMap((file) => episodesOf(file)).length).toBeGreaterThanOrEqual(30);
});

test.each(recorded)('%s is decided as it was', async (file) => {
    for (const { function: name, trigger, answer } of episodesOf(file))
        expect(decisions(await callFunction(name, trigger))).toEqual(decisions(answer));
});

test('a history that tells of another decision is found out', async () => {
    const [episode] = episodesOf(recorded.find((file) => file.endsWith('small.json'))!);
    const { trigger, answer } = JSON.parse(JSON.stringify(episode).replaceAll('"foldJob"', '"unfoldJob"')) as RecordedEpisode;
    expect(decisions(await callFunction('runjob', trigger))).not.toEqual(decisions(answer));
});
