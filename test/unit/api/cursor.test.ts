import { anyLease } from '../../support/lease';
import fc from 'fast-check';
import { decodeCursor, encodeCursor, seal } from '../../../src/api/http/cursor';
import { closedBy, snapshot } from '../../../src/application/readResults';
import { noCounts } from '../../../src/core/counts';
import { newLedger } from '../../../src/core/ledger';
import { closedIn, makeCursor, startCursor } from '../../../src/core/resultsCursor';

const facts = fc.record({
    closed: fc.array(fc.nat(3000), { maxLength: 300 }),
    at: fc.array(fc.tuple(fc.nat(3000), fc.nat(2 ** 31 - 1)), { maxLength: 40 }).map((pairs) => new Map(pairs)),
});

describe('the cursor', () => {
    test('means the same after its way through a header', () => {
        fc.assert(
            fc.property(facts, ({ closed, at }) => {
                const cursor = makeCursor(closed, at);
                const back = decodeCursor('job', encodeCursor('job', cursor));
                expect(back).not.toBeNull();
                expect([...closedIn(back!)]).toEqual([...new Set(closed)].sort((a, b) => a - b));
                expect(new Map([...back!.at].sort())).toEqual(new Map([...at].sort()));
            }),
            { numRuns: 50 },
        );
    });

    test('is of its job alone, and whole', () => {
        fc.assert(
            fc.property(facts, fc.nat(), fc.constantFrom(...'Aa0_-Z'), ({ closed, at }, place, letter) => {
                const word = encodeCursor('job', makeCursor(closed, at));
                expect(decodeCursor('another', word)).toBeNull();
                expect(decodeCursor('job', word.slice(0, -1))).toBeNull();
                expect(decodeCursor('job', `${word}A`)).toBeNull();
                const i = place % word.length;
                const changed = word.slice(0, i) + letter + word.slice(i + 1);
                expect(decodeCursor('job', changed) === null).toBe(changed !== word);
            }),
            { numRuns: 50 },
        );
    });

    test('any other text is refused without an exception', () => {
        fc.assert(fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => decodeCursor('job', text) === null));
        const made = (text: string) => Buffer.from(`2.${seal('job', text)}.${text}`).toString('base64url');
        expect(decodeCursor('job', made('0..'))).not.toBeNull();
        for (const text of [
            '00..',
            '0.0-1.',
            '1.1-2.',
            '0.5-4.',
            '0.5-6,6-8.',
            '0.5-6,2-3.',
            '0.5-.',
            '0.-.',
            '0.1-2-3.',
            '0..3-5,2-1',
            `${'z'.repeat(99)}..`,
            '0..,',
        ])
            expect([text, decodeCursor('job', made(text))]).toEqual([text, null]);
        expect(decodeCursor('job', Buffer.from('1.zzzzzz..').toString('base64url'))).toBeNull();
    });

    test('that was made up, with the right seal, costs nothing: it is bounded by what the job has written', () => {
        for (const text of ['zzzzzzzz..', '0.5-zzzzzzzz.', '0..zzzzzzzz-1']) {
            const cursor = decodeCursor('job', Buffer.from(`2.${seal('job', text)}.${text}`).toString('base64url'))!;
            expect(cursor).not.toBeNull();
            expect(() => snapshot(cursor, [], () => true)).toThrow(/more than this job has written/);
            expect(() => snapshot(cursor, [{ part: 3, segments: [], bytes: 10 }], () => true)).toThrow(/more than this job has written/);
        }
    });

    test('stays short for a long job: thousands of closed partitions and a few open ones', () => {
        const open = [4000, 4100, 4200, 4300];
        const closed = Array.from({ length: 10_000 }, (_, part) => part).filter((part) => !open.includes(part));
        expect(encodeCursor('job', makeCursor(closed, new Map(open.map((part) => [part, 7_654_321])))).length).toBeLessThan(200);
    });
});

describe('a snapshot of results', () => {
    const blob = (part: number, bytes: number) => ({ part, bytes, segments: [{ name: `p${part}`, bytes }] });

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
                    for (const { segments, from, to } of stretches) {
                        const part = Number(segments[0]!.name.slice(1));
                        expect(from).toBe(read[part]);
                        read[part] = to;
                    }
                    cursor = decodeCursor('job', encodeCursor('job', next))!;
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
            ...anyLease,
            resume: [1],
            from: 4,
            to: 6,
            crashes: 0,
            since: 0,
            base: noCounts(),
            resumed: [],
            againAt: null,
        };
        const closed = closedBy({
            ...newLedger('j'),
            state: 'running',
            next: 8,
            leases: { w: lease },
            delayed: [{ part: 2, wakeAt: 0, counts: noCounts() }],
            returned: [{ from: 7, to: 8 }],
        });
        expect([0, 1, 2, 3, 4, 5, 6, 7, 8].filter(closed)).toEqual([0, 3, 6]);
        expect(closedBy(newLedger('j'))(0)).toBe(false);
        expect(closedBy({ ...newLedger('j'), state: 'folding' })(5)).toBe(true);
    });
});
