// Bodies in very many pieces, and texts of which each character could cost.
import { readBody } from '../../src/api/http/body';
import { inert } from '../../src/api/results/csv';
import { timesAsLong } from '../support/timing';

test('a million pieces are held in one buffer of little more than their bytes', async () => {
    const BYTES = 1_000_000;
    const source = Buffer.alloc(65_536, 'x');
    async function* pieces() {
        for (let i = 0; i < BYTES; i++) yield source.subarray(i % 60_000, (i % 60_000) + 1);
    }
    const concat = jest.spyOn(Buffer, 'concat');
    const body = await readBody({ headers: { get: () => null }, body: pieces() }, 16 * 1024 * 1024);
    expect(body.equals(Buffer.alloc(BYTES, 'x'))).toBe(true);
    expect(body.buffer.byteLength).toBeLessThan(3 * BYTES);
    // Nobody has kept the pieces to put them together.
    expect(concat).not.toHaveBeenCalled();
    concat.mockRestore();
});

test('for a spreadsheet, a megabyte of anything takes as long as a megabyte of what people write, some times over', () => {
    const ordinary = 'id,name;"Lyon, France"\t-5\n'.repeat(37_000);
    const TIMES = 50;
    for (const text of [
        '\n'.repeat(1e6),
        ' '.repeat(1e6),
        '\ufeff'.repeat(1e6),
        `${'1'.repeat(1e6)}x`,
        '; '.repeat(5e5),
        '\u200b '.repeat(5e5),
    ]) {
        expect(
            timesAsLong(
                () => inert(text),
                () => inert(ordinary),
                TIMES,
            ),
        ).toBeLessThanOrEqual(TIMES);
    }
});
