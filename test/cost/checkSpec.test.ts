// Checking a spec costs what the spec is long, whatever stands in it.
import { parseSpec, type JobSpec } from '../../src/contracts/jobSpec';
import { checkProcess } from '../../src/application/checkSpec';
import { timesAsLong } from '../support/timing';

const settings = { FANFOLD_SECRETS: 'KEY_OF_TEST@api.example.com', KEY_OF_TEST: 'a value long enough' };
beforeAll(() => void Object.assign(process.env, settings));
afterAll(() => {
    for (const name of Object.keys(settings)) delete process.env[name];
});

const specOf = (url: string): JobSpec => {
    const headers = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`x-${i}`, { secret: 'KEY_OF_TEST' }]));
    const parsed = parseSpec({ source: { items: [1] }, process: { http: { url, headers } } });
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
    return parsed.spec;
};

test('a URL of open braces, with a hundred secrets, costs no more than any other of its length', () => {
    const [ordinary, braces] = ['{a}'.repeat(1_350), '{'.repeat(4_050)].map((path) => specOf(`http://other.example/${path}`));
    expect(
        timesAsLong(
            () => checkProcess(braces!),
            () => checkProcess(ordinary!),
            20,
        ),
    ).toBeLessThanOrEqual(20);
    expect(checkProcess(braces!)).toHaveLength(101);
});
