// What the code takes for granted of host.json.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { INSTANCE_PLACES } from '../../src/core/ledger';

test('the places that an instance has for activities are those of host.json', () => {
    const host = JSON.parse(readFileSync(path.resolve(__dirname, '../../host.json'), 'utf8')) as {
        extensions: { durableTask: { maxConcurrentActivityFunctions: number } };
    };
    expect(host.extensions.durableTask.maxConcurrentActivityFunctions).toBe(INSTANCE_PLACES);
});
