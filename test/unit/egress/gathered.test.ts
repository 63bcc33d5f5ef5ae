import fc from 'fast-check';
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
