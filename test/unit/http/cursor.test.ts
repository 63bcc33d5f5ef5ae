import fc from 'fast-check';
import { decodeCursor, encodeCursor, isDone, makeCursor, startCursor } from '../../../src/http/cursor';
import { closedBy, snapshot } from '../../../src/http/results';
import { newLedger } from '../../../src/core/ledger';

const facts = fc.record({
    closed: fc.array(fc.nat(3000), { maxLength: 300 }),
    at: fc.array(fc.tuple(fc.nat(3000), fc.nat(2 ** 31 - 1)), { maxLength: 40 }).map((pairs) => new Map(pairs)),
});

describe('the cursor', () => {
    test('means the same after its way through a header', () => {
        fc.assert(
            fc.property(facts, ({ closed, at }) => {
                const cursor = makeCursor(closed, at);
                const back = decodeCursor(encodeCursor(cursor));
                expect(back).not.toBeNull();
                const set = new Set(closed);
                for (let part = 0; part <= 3001; part++) expect(isDone(back!, part)).toBe(set.has(part));
                expect(new Map([...back!.at].sort())).toEqual(new Map([...at].sort()));
            }),
            { numRuns: 50 },
        );
    });

    test('any other text is refused without an exception', () => {
        fc.assert(
            fc.property(fc.string(), (text) => [null, 'object'].includes(decodeCursor(text) === null ? null : typeof decodeCursor(text))),
        );
        expect(decodeCursor('nonsense')).toBeNull();
        expect(decodeCursor('')).toBeNull();
    });

    test('stays short for a long job: thousands of closed partitions and a few open ones', () => {
        const open = [4000, 4100, 4200, 4300];
        const closed = Array.from({ length: 10_000 }, (_, part) => part).filter((part) => !open.includes(part));
        expect(encodeCursor(makeCursor(closed, new Map(open.map((part) => [part, 7_654_321])))).length).toBeLessThan(200);
    });
});

describe('a snapshot of results', () => {
    const blob = (part: number, bytes: number) => ({ part, name: `p${part}`, bytes });

    test('reads every byte once, however the parts grow and close between two looks', () => {
        const growth = fc.array(
            fc.record({ grow: fc.array(fc.tuple(fc.nat(5), fc.nat(50)), { maxLength: 6 }), close: fc.array(fc.nat(5), { maxLength: 2 }) }),
            { minLength: 1, maxLength: 8 },
        );
        fc.assert(
            fc.property(growth, (steps) => {
                const size = [0, 0, 0, 0, 0, 0];
                const closed = new Set<number>();
                const read = [0, 0, 0, 0, 0, 0];
                let cursor = startCursor();
                for (const { grow, close } of steps) {
                    for (const [part, by] of grow) if (!closed.has(part)) size[part]! += by;
                    for (const part of close) closed.add(part);
                    const { stretches, next } = snapshot(
                        cursor,
                        size.map((bytes, part) => blob(part, bytes)),
                        (part) => closed.has(part),
                    );
                    for (const { name, from, to } of stretches) {
                        const part = Number(name.slice(1));
                        expect(from).toBe(read[part]);
                        read[part] = to;
                    }
                    cursor = decodeCursor(encodeCursor(next))!;
                }
                expect(read).toEqual(size);
            }),
        );
    });

    test('an offset beyond the blob is a cursor of another job', () => {
        expect(() => snapshot(makeCursor([], new Map([[0, 99]])), [blob(0, 10)], () => false)).toThrow(/beyond/);
    });

    test('a partition is closed when it was leased and is in nobody’s hands', () => {
        const lease = {
            epoch: 1,
            resume: [1],
            from: 4,
            to: 6,
            mode: 'normal' as const,
            concurrency: 1,
            startAt: null,
            deaths: 0,
            base: {} as never,
            againAt: null,
        };
        const closed = closedBy({
            ...newLedger('j'),
            state: 'running',
            next: 8,
            leases: { w: lease },
            parked: [[2, 0, 0, 0, 0, 0, 0]],
            returned: [[7, 8]],
        });
        expect([0, 1, 2, 3, 4, 5, 6, 7, 8].filter(closed)).toEqual([0, 3, 6]);
        expect(closedBy(newLedger('j'))(0)).toBe(false);
        expect(closedBy({ ...newLedger('j'), state: 'folding' })(5)).toBe(true);
    });
});
