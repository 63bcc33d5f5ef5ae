// The picture of the states is the table of the moves.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { isEnded, moves, states } from '../../src/core/states';

const page = readFileSync(path.resolve(__dirname, '../../docs/states.md'), 'utf8');

test('docs/states.md shows every move, and no other', () => {
    const shown = [...page.matchAll(/^ {4}(\w+) --> (\w+): (\w+)$/gm)].map(([, from, to, move]) => `${move}: ${from} to ${to}`);
    const table = Object.entries(moves).flatMap(([move, ways]) => Object.entries(ways).map(([from, to]) => `${move}: ${from} to ${to}`));
    expect(shown.sort()).toEqual(table.sort());
});

test('docs/states.md shows where a job begins, where it ends, and who makes each move', () => {
    const ends = [...page.matchAll(/^ {4}(\w+) --> \[\*\]$/gm)].map(([, from]) => from);
    expect(ends.sort()).toEqual(states.filter(isEnded).sort());
    expect(page).toContain(`[*] --> ${states[0]}`);
    for (const move of Object.keys(moves)) expect(page).toMatch(new RegExp(`^\\| .*\`${move}\``, 'm'));
});
