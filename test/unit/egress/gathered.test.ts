import fc from 'fast-check';
import { readBody } from '../../../src/api/http/body';
import { Gathered } from '../../../src/egress/gathered';

test('pieces of any size are all of their bytes, in order, and stay as they were', () => {
    fc.assert(
        fc.property(fc.array(fc.uint8Array({ maxLength: 9_000 }), { maxLength: 30 }), (pieces) => {
            const before = pieces.map((piece) => Buffer.from(piece));
            const gathered = new Gathered();
            for (const piece of pieces) gathered.add(piece);
            expect(gathered.bytes.equals(Buffer.concat(before))).toBe(true);
            expect(pieces.every((piece, i) => before[i]!.equals(piece))).toBe(true);
        }),
    );
});

test('a million pieces are held in one buffer of little more than their bytes', async () => {
    const BYTES = 1_000_000;
    const source = Buffer.alloc(65_536, 'x');
    async function* pieces() {
        for (let i = 0; i < BYTES; i++) yield source.subarray(i % 60_000, (i % 60_000) + 1);
    }
    const concat = jest.spyOn(Buffer, 'concat');
    const body = await readBody({ headers: { get: () => null }, body: pieces() });
    expect(body.equals(Buffer.alloc(BYTES, 'x'))).toBe(true);
    expect(body.buffer.byteLength).toBeLessThan(3 * BYTES);
    // Nobody has kept the pieces to put them together.
    expect(concat).not.toHaveBeenCalled();
    concat.mockRestore();
});
