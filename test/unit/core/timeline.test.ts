// The timeline: what a bounded log keeps, and how what users wanted and what the ledger saw become one story.
import * as fc from 'fast-check';
import { appended, emptyLog, KEPT, timelineOf, type ControlEvent, type EventLog, type LedgerEvent } from '../../../src/core/timeline';
import { runs } from '../../support/runs';

interface Event {
    at: number;
    kind: string;
}

const MINUTE = 60_000;

const logOf = <E extends Event>(events: E[]): EventLog<E> => events.reduce<EventLog<E>>(appended, emptyLog<E>());
const added = (counts: Record<string, number>) => Object.values(counts).reduce((sum, n) => sum + n, 0);
const countedBy = (events: Event[]) => {
    const counts: Record<string, number> = {};
    for (const { kind } of events) counts[kind] = (counts[kind] ?? 0) + 1;
    return counts;
};

describe('the bounded log', () => {
    const kinds = fc.array(fc.constantFrom('state', 'crash', 'repair', 'trouble', 'recovered'), { maxLength: 200 });
    const events = kinds.map((all) => all.map((kind, i) => ({ kind, at: 1_000 + i })));

    test('keeps the first and the last events as they are, and of those between how many there were of each kind, from when to when', () => {
        fc.assert(
            fc.property(events, (all) => {
                const { first, omitted, last } = logOf(all);
                const rest = all.slice(KEPT.first);
                const between = rest.slice(0, Math.max(0, rest.length - KEPT.last));
                expect(first).toEqual(all.slice(0, KEPT.first));
                expect(last).toEqual(rest.slice(between.length));
                expect(omitted).toEqual(
                    between.length === 0
                        ? null
                        : { kind: 'omitted', from: between[0]!.at, to: between.at(-1)!.at, counts: countedBy(between) },
                );
                expect(first.length + last.length + (omitted ? added(omitted.counts) : 0)).toBe(all.length);
            }),
            { numRuns: runs(200) },
        );
    });

    test('leaves the log as it was to whoever still holds that', () => {
        const before = logOf(Array.from({ length: 60 }, (_, at) => ({ at, kind: 'state' })));
        const copy = structuredClone(before);
        appended(before, { at: 61, kind: 'crash' });
        expect(before).toEqual(copy);
    });

    test('is no larger after ten thousand events than after a hundred', () => {
        let log = emptyLog<LedgerEvent>();
        const sizes: number[] = [];
        for (let i = 0; i < 10_000; i++) {
            log = appended(log, { at: 1e12 + i, generation: 7, kind: 'trouble', code: 'STORAGE_AWAY', message: 'x'.repeat(200) });
            if (i === 99 || i === 9_999) sizes.push(JSON.stringify(log).length);
        }
        // The number that is counted has two digits more.
        expect(sizes[1]! - sizes[0]!).toBeLessThanOrEqual(2);
        expect(log.omitted!.counts).toEqual({ trouble: 10_000 - KEPT.first - KEPT.last });
    });
});

describe('the timeline', () => {
    /**
     * What happens to a job, in the order in which it does: a change is accepted, the ledger hears of the changes up to one, or something happens in its
     * sight. Both have clocks of their own, each off by up to a minute from the time that there is.
     */
    const stories = fc.record({
        // Enough of them that either record may be longer than what is kept.
        steps: fc.array(fc.tuple(fc.constantFrom('change', 'change', 'hear', 'see'), fc.constantFrom(1, 500, 20_000), fc.nat(3)), {
            maxLength: 200,
            size: 'max',
        }),
        apart: fc.tuple(fc.integer({ min: -MINUTE, max: MINUTE }), fc.integer({ min: -MINUTE, max: MINUTE })),
    });

    type Story = typeof stories extends fc.Arbitrary<infer T> ? T : never;

    function tell({ steps, apart: [ofControl, ofLedger] }: Story) {
        const wanted: ControlEvent[] = [];
        const seen: LedgerEvent[] = [];
        let [now, generation] = [1_000_000_000, 0];
        for (const [what, takes, behind] of steps) {
            now += takes;
            if (what === 'change')
                wanted.push({
                    at: now + ofControl,
                    kind: 'move',
                    move: wanted.length % 2 ? 'resume' : 'pause',
                    generation: wanted.length + 1,
                    by: 'test',
                });
            else {
                if (what === 'hear') generation = Math.max(generation, wanted.length - behind);
                seen.push({ at: now + ofLedger, kind: 'state', state: 'running', generation });
            }
        }
        return { wanted, seen, control: logOf(wanted), ledger: logOf(seen) };
    }

    const isOf =
        <E extends object>(events: E[]) =>
        (entry: object): entry is E =>
            events.includes(entry as E);

    test('has all that stands in both records, each in its own order', () => {
        fc.assert(
            fc.property(stories, (story) => {
                const { control, ledger } = tell(story);
                const merged = timelineOf(control, ledger);
                const all = ({ first, omitted, last }: EventLog<object>) => [...first, ...(omitted ? [omitted] : []), ...last];
                expect(merged.filter(isOf(all(control)))).toEqual(all(control));
                expect(merged.filter(isOf(all(ledger)))).toEqual(all(ledger));
                expect(merged).toHaveLength(all(control).length + all(ledger).length);
            }),
            { numRuns: runs(200) },
        );
    });

    test('never tells what the ledger did after it had heard of a change before that change, whatever their clocks say', () => {
        fc.assert(
            fc.property(stories, (story) => {
                const { wanted, seen, control, ledger } = tell(story);
                const isChange = isOf(wanted);
                const isSeen = isOf(seen);
                let heard = 0;
                for (const entry of timelineOf(control, ledger)) {
                    if (isSeen(entry)) heard = Math.max(heard, entry.generation);
                    // Those that stand no more by themselves begin after the first, which do.
                    const generation = isChange(entry) ? entry.generation : entry === control.omitted ? KEPT.first + 1 : Infinity;
                    if (generation <= heard)
                        throw new Error(`change ${generation} comes after what the ledger did when it had heard of ${heard}`);
                }
            }),
            { numRuns: runs(500) },
        );
    });

    test('goes by the clocks where the ledger has not heard', () => {
        const moves = [10, 30].map((at, i): ControlEvent => ({ at, kind: 'move', move: 'pause', generation: i + 1, by: 'test' }));
        const states = [5, 20, 40].map((at): LedgerEvent => ({ at, kind: 'state', state: 'running', generation: 0 }));
        expect(timelineOf(logOf(moves), logOf(states)).map((entry) => (entry as { at: number }).at)).toEqual([5, 10, 20, 30, 40]);
    });
});
