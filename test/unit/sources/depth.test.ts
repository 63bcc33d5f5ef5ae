import fc from 'fast-check';
import { isTooDeep } from '../../../src/sources/depth';
import { readRows } from '../../../src/sources/open';
import { MAX_ITEM_DEPTH, type Row } from '../../../src/sources/row';

const nest = (levels: number, inside = '') => '['.repeat(levels) + inside + ']'.repeat(levels);

test('the bound holds to the level, and brackets in texts are none', () => {
    for (const around of ['', `"${'[{'.repeat(1_000)}"`, '{"a":"\\\\\\"[[","b":"]]"}', '"\\\\"'])
        fc.assert(
            fc.property(fc.integer({ min: 1, max: 2 * MAX_ITEM_DEPTH }), (levels) => {
                const deepest = around.startsWith('{') ? levels + 1 : levels;
                expect(isTooDeep(nest(levels, around) + ' '.repeat(2 * MAX_ITEM_DEPTH))).toBe(deepest > MAX_ITEM_DEPTH);
            }),
        );
    expect(isTooDeep(`[${Array.from({ length: 5_000 }, () => '{}').join()}]`)).toBe(false);
});

test.each(['ndjson', 'json'] as const)('%s: an item that is too deep is a bad row, the others are items', async (format) => {
    const items = ['1', nest(format === 'json' ? 1_000 : 100_000), nest(MAX_ITEM_DEPTH), '2'];
    const text = format === 'json' ? `[${items.join()}]` : items.join('\n');
    const rows: Row[] = [];
    for await (const batch of readRows(
        (async function* () {
            yield Buffer.from(text);
        })(),
        format,
    ))
        rows.push(...batch);
    expect(rows.map((row) => [row.line, 'code' in row ? row.code : 'item'])).toEqual([
        [1, 'item'],
        [2, 'ITEM_TOO_DEEP'],
        [3, 'item'],
        [4, 'item'],
    ]);
});
