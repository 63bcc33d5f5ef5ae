import fc from 'fast-check';
import { DateTime, Info } from 'luxon';
import { compileWindows, isTimeZone, MAX_WINDOWS, parseWindow, type CallingWindows } from '../../../src/core/callingWindows';
import { runs } from '../../support/runs';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const calling = (timeZone: string, ...windows: string[]): CallingWindows => compileWindows({ windows, timeZone });
const ms = (iso: string): number => Date.parse(iso);
const iso = (at: number): string => new Date(at).toISOString().replace(':00.000Z', 'Z');
/** When it opens from `at` on, and when it closes after that. */
const next = (windows: CallingWindows, at: string): string[] => {
    const opens = windows.opensAt(ms(at));
    return [iso(opens), iso(windows.closesAt(opens))];
};

describe('a window as text', () => {
    const weekend = [5, 6];
    const week = [0, 1, 2, 3, 4, 5, 6];

    test.each([
        ['Mon', [0], 0, 1440],
        ['sat-SUN', weekend, 0, 1440],
        ['Fri-Mon', [0, 4, 5, 6], 0, 1440],
        ['Mon,Wed-Fri,mon', [0, 2, 3, 4], 0, 1440],
        ['22:00-06:00', week, 1320, 1800],
        ['22:00-24:00', week, 1320, 1440],
        ['22:00-00:00', week, 1320, 1440],
        ['00:00-24:00', week, 0, 1440],
        ['Sat-Sun 09:30-17:45', weekend, 570, 1065],
        ['Mon-Sun 23:59-00:01', week, 1439, 1441],
    ])('%s', (text, days, from, to) => {
        expect(parseWindow(text)).toEqual({ days, from, to });
    });

    const refused = [
        '| | Mon|Mon | 22:00-06:00|Mon  22:00-06:00|Mon22:00-06:00|Mon\t22:00-06:00|22:00-06:00 Mon|Monday|Mo|Mon-|Mon,',
        ',Mon|Mon, Tue|Mon-Tue-Wed|Mon-Mon|22:00|22:00-|22:00-22:00|00:00-00:00|24:00-06:00|24:00-24:00|22:00-24:01',
        '25:00-06:00|22:60-06:00|9:00-17:00|09:00–17:00|Mon 22:00-06:00\n|Mon 22:00-06:00,Tue|٢٢:00-06:00',
    ].flatMap((line) => line.split('|'));
    test.each(refused)('%j is none', (text) => {
        expect(parseWindow(text)).toBeNull();
    });
});

test('time zones are names that Intl knows', () => {
    for (const name of ['Europe/Paris', 'europe/paris', 'UTC', 'Etc/GMT+5', 'America/Argentina/Buenos_Aires', 'US/Pacific'])
        expect([name, isTimeZone(name)]).toEqual([name, true]);
    for (const name of [
        '',
        ' ',
        '+01:00',
        '-05',
        '+0100',
        '−01:00',
        'GMT+1',
        'Z',
        'Europe',
        'Europe/Paris ',
        'Europe/Atlantis',
        'CEST',
        '\0',
    ])
        expect([name, isTimeZone(name)]).toEqual([name, false]);
});

test('what a schema should have refused is not compiled', () => {
    expect(() => calling('Europe/Paris', 'Mon', 'Funday')).toThrow('"Funday" is not a window');
    expect(() => calling('+01:00', 'Mon')).toThrow('"+01:00" is not a time zone');
    expect(() => calling('UTC', ...Array<string>(MAX_WINDOWS + 1).fill('Mon'))).toThrow('51 windows');
});

describe('on a common week', () => {
    test('a window that crosses midnight belongs to the day it begins on', () => {
        const windows = calling('UTC', 'Fri 20:00-06:00');
        expect(windows.isOpen(ms('2026-11-28T03:00Z'))).toBe(true);
        expect(windows.isOpen(ms('2026-11-27T03:00Z'))).toBe(false);
        expect(next(windows, '2026-11-27T03:00Z')).toEqual(['2026-11-27T20:00Z', '2026-11-28T06:00Z']);
    });

    test('the start is inside, the end is not, to the ms; an instant that is as asked is its own answer', () => {
        const windows = calling('Europe/Paris', 'Mon-Fri 20:00-06:00');
        const [opens, closes] = [ms('2026-11-27T19:00Z'), ms('2026-11-28T05:00Z')];
        expect([opens - 1, opens, closes - 1, closes].map(windows.isOpen)).toEqual([false, true, true, false]);
        expect([opens - 1, opens, opens + 1, closes].map(windows.opensAt)).toEqual([opens, opens, opens + 1, opens + 3 * DAY]);
        expect([opens - 1, opens, closes - 1, closes, closes + 1].map(windows.closesAt)).toEqual([
            opens - 1,
            closes,
            closes,
            closes,
            closes + 1,
        ]);
    });

    test('windows that touch or overlap, also over the end of the week, are one', () => {
        const windows = calling('UTC', 'Sun 20:00-06:00', 'Mon 05:00-08:00', 'Sat-Sun');
        expect(next(windows, '2026-11-25T00:00Z')).toEqual(['2026-11-28T00:00Z', '2026-11-30T08:00Z']);
    });

    test('the whole week never closes, and no window never opens', () => {
        expect(calling('Europe/Paris', 'Mon-Fri', 'Sat-Sun').closesAt(0)).toBe(Infinity);
        expect(calling('Europe/Paris', '22:00-06:00', '06:00-22:00').closesAt(0)).toBe(Infinity);
        expect(calling('Europe/Paris').opensAt(0)).toBe(Infinity);
    });

    test('a window that would come after the end of time does not come', () => {
        const last = 8.64e15;
        const [opens, closes] = [calling('UTC', 'Mon 04:00-05:00'), calling('UTC', 'Fri-Sat')];
        expect([opens.isOpen(last), opens.opensAt(last - HOUR), opens.opensAt(last)]).toEqual([false, Infinity, Infinity]);
        expect([closes.isOpen(last), closes.closesAt(last - HOUR), closes.closesAt(last)]).toEqual([true, Infinity, Infinity]);
    });
});

describe('over changes of the offset', () => {
    test.each([
        ['Europe/Paris', '2026-03-28T12:00Z', ['2026-03-28T19:00Z', '2026-03-29T04:00Z'], 9],
        ['Europe/Paris', '2026-10-24T12:00Z', ['2026-10-24T18:00Z', '2026-10-25T05:00Z'], 11],
        ['America/New_York', '2026-03-07T12:00Z', ['2026-03-08T01:00Z', '2026-03-08T10:00Z'], 9],
        ['America/New_York', '2026-10-31T12:00Z', ['2026-11-01T00:00Z', '2026-11-01T11:00Z'], 11],
        ['Australia/Lord_Howe', '2026-10-03T00:00Z', ['2026-10-03T09:30Z', '2026-10-03T19:00Z'], 9.5],
        ['Australia/Lord_Howe', '2026-04-04T00:00Z', ['2026-04-04T09:00Z', '2026-04-04T19:30Z'], 10.5],
        ['Antarctica/Troll', '2026-03-28T12:00Z', ['2026-03-28T20:00Z', '2026-03-29T04:00Z'], 8],
        ['Antarctica/Troll', '2026-10-24T12:00Z', ['2026-10-24T18:00Z', '2026-10-25T06:00Z'], 12],
    ])('in %s, Sat 20:00-06:00 after %s is open %j, which is %d hours', (zone, at, open, hours) => {
        expect(next(calling(zone, 'Sat 20:00-06:00'), at)).toEqual(open);
        expect((ms(open[1]!) - ms(open[0]!)) / HOUR).toBe(hours);
    });

    test.each([
        [
            'times that do not exist open nothing',
            'Europe/Paris',
            'Sun 02:00-03:00',
            '2026-03-28T00:00Z',
            ['2026-04-05T00:00Z', '2026-04-05T01:00Z'],
        ],
        [
            'nor do those of half an hour',
            'Australia/Lord_Howe',
            'Sun 02:00-02:30',
            '2026-10-03T00:00Z',
            ['2026-10-10T15:00Z', '2026-10-10T15:30Z'],
        ],
        [
            'a start that does not exist is the change',
            'America/New_York',
            'Sun 02:30-04:00',
            '2026-03-07T00:00Z',
            ['2026-03-08T07:00Z', '2026-03-08T08:00Z'],
        ],
        [
            'an end that does not exist is the change',
            'America/New_York',
            'Sun 01:00-02:30',
            '2026-03-07T00:00Z',
            ['2026-03-08T06:00Z', '2026-03-08T07:00Z'],
        ],
        [
            'an hour that comes twice is inside twice',
            'Europe/Paris',
            'Sun 02:00-03:00',
            '2026-10-24T00:00Z',
            ['2026-10-25T00:00Z', '2026-10-25T02:00Z'],
        ],
        ['half of it opens once', 'America/New_York', 'Sun 01:00-01:30', '2026-10-31T00:00Z', ['2026-11-01T05:00Z', '2026-11-01T05:30Z']],
        ['and then again', 'America/New_York', 'Sun 01:00-01:30', '2026-11-01T05:30Z', ['2026-11-01T06:00Z', '2026-11-01T06:30Z']],
        [
            'an end that comes twice: closed at the first',
            'Europe/Paris',
            'Sun 02:30-03:00',
            '2026-10-24T00:00Z',
            ['2026-10-25T00:30Z', '2026-10-25T01:00Z'],
        ],
        [
            'a day without midnight begins at one',
            'America/Sao_Paulo',
            'Sun',
            '2018-11-03T00:00Z',
            ['2018-11-04T03:00Z', '2018-11-05T02:00Z'],
        ],
        [
            'a day with two midnights ends at the second',
            'America/Sao_Paulo',
            'Sat',
            '2019-02-15T12:00Z',
            ['2019-02-16T02:00Z', '2019-02-17T03:00Z'],
        ],
        [
            'a Friday that was left out is a week later',
            'Pacific/Apia',
            'Fri',
            '2011-12-24T12:00Z',
            ['2012-01-05T10:00Z', '2012-01-06T10:00Z'],
        ],
        [
            'its night is that of the wall',
            'Pacific/Apia',
            'Fri 20:00-06:00',
            '2011-12-29T12:00Z',
            ['2011-12-30T10:00Z', '2011-12-30T16:00Z'],
        ],
        [
            'an offset with seconds',
            'Africa/Monrovia',
            'Thu 00:00-00:01',
            '1971-12-30T12:00Z',
            ['1972-01-06T00:44:30.000Z', '1972-01-06T00:45:30.000Z'],
        ],
        [
            'a change that is undone within a week',
            'America/Recife',
            'Sat 23:30-23:40',
            '2000-10-08T02:45Z',
            ['2000-10-15T01:30Z', '2000-10-15T01:40Z'],
        ],
    ])('%s: in %s, %s', (_, zone, window, at, open) => {
        expect(next(calling(zone, window), at)).toEqual(open);
    });

    test('a fraction of a ms before and after, the answer is a whole one', () => {
        const change = ms('2026-03-08T07:00Z');
        const { opensAt, closesAt } = calling('America/New_York', 'Sun 02:30-04:00');
        expect([change - DAY + 0.25, change - 0.25].map(opensAt)).toEqual([change, change]);
        expect([change + 0.25, change + HOUR - 0.25].map(closesAt)).toEqual([change + HOUR, change + HOUR]);
    });
});

// The oracle: windows are made as parts, put into text, and judged by their parts and by the clock of Luxon.
interface Parts {
    days: [number, number][] | null;
    times: [number, number] | null;
}

const twoDigits = (n: number): string => String(n).padStart(2, '0');
const timeOf = (minute: number): string => `${twoDigits(Math.floor(minute / 60))}:${twoDigits(minute % 60)}`;
const names = ['', ...Info.weekdays('short', { locale: 'en' })];
const textOf = ({ days, times }: Parts): string =>
    [days?.map(([a, b]) => (a === b ? names[a] : `${names[a]}-${names[b]}`)).join(','), times?.map(timeOf).join('-')]
        .filter((x) => x !== undefined)
        .join(' ');

const isOn = (days: Parts['days'], weekday: number): boolean =>
    days === null || days.some(([a, b]) => (a <= b ? a <= weekday && weekday <= b : weekday >= a || weekday <= b));

const isInside = ({ days, times }: Parts, weekday: number, minute: number): boolean => {
    const [from, to] = times ?? [0, 1440];
    if (from < to) return isOn(days, weekday) && from <= minute && minute < to;
    return (isOn(days, weekday) && minute >= from) || (isOn(days, weekday === 1 ? 7 : weekday - 1) && minute < to);
};

const oracle = (windows: Parts[], zone: string, at: number): boolean => {
    const { weekday, hour, minute } = DateTime.fromMillis(at, { zone });
    return windows.some((parts) => isInside(parts, weekday, hour * 60 + minute));
};

const weekday = fc.integer({ min: 1, max: 7 });
const days = fc.array(
    fc.oneof(
        weekday.map((d): [number, number] => [d, d]),
        fc.tuple(weekday, weekday),
    ),
    { minLength: 1, maxLength: 3 },
);
// Changes are at night: so are most of the times.
const minuteOfDay = (max: number) =>
    fc.oneof(
        fc.integer({ min: 0, max }),
        fc.integer({ min: 0, max: 8 }).map((n) => n * 30),
        fc.constant(max),
    );
const times = fc.tuple(minuteOfDay(1439), minuteOfDay(1440)).filter(([from, to]) => from !== to);
const anyWindows = fc.array(
    fc.record({ days: fc.option(days), times: fc.option(times) }).filter((parts) => parts.days !== null || parts.times !== null),
    { minLength: 1, maxLength: 3 },
);

const changes: [string, string][] = [
    ['Europe/Paris', '2026-03-29T01:00Z'],
    ['Europe/Paris', '2026-10-25T01:00Z'],
    ['America/New_York', '2026-03-08T07:00Z'],
    ['America/New_York', '2026-11-01T06:00Z'],
    ['Australia/Lord_Howe', '2026-04-04T15:00Z'],
    ['Australia/Lord_Howe', '2026-10-03T15:30Z'],
    ['Antarctica/Troll', '2026-03-29T01:00Z'],
    ['Antarctica/Troll', '2026-10-25T01:00Z'],
    ['America/Sao_Paulo', '2018-11-04T03:00Z'],
    ['America/Sao_Paulo', '2019-02-17T02:00Z'],
    ['Pacific/Apia', '2011-12-30T10:00Z'],
    ['Pacific/Kwajalein', '1993-08-21T12:00Z'],
    ['Africa/Monrovia', '1972-01-07T00:44:30Z'],
    // Two changes within four days are the closest that any zone has had.
    ['Africa/Freetown', '1939-09-03T00:00Z'],
];

interface Moment {
    zone: string;
    at: number;
}
const nearChange = fc
    .tuple(fc.constantFrom(...changes), fc.integer({ min: -2 * DAY, max: DAY / 2 }))
    .map(([[zone, change], off]): Moment => ({ zone, at: ms(change) + off }));
const anywhere = fc.record({
    zone: fc.constantFrom(...Intl.supportedValuesOf('timeZone')),
    at: fc.integer({ min: ms('1900-01-01T00:00Z'), max: ms('2100-01-01T00:00Z') }),
});
const anyMoment = fc.oneof({ weight: 3, arbitrary: nearChange }, { weight: 1, arbitrary: anywhere });

type Compile = (windows: string[], zone: string) => CallingWindows;
const real: Compile = (windows, timeZone) => compileWindows({ windows, timeZone });

/** Every minute of up to three days. */
const minutesIn = (at: number, end: number): number[] =>
    Array.from({ length: Math.ceil(Math.min(end - at, 3 * DAY) / MINUTE) }, (_, i) => at + i * MINUTE);

const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
/** What was asked for is so at the answer, and at no instant before: not at the last ms, not at any of some in between, not at any minute if asked to look. */
const answersAreFirst = (compile: Compile, moments: fc.Arbitrary<Moment>, { byMinute }: { byMinute: boolean }) =>
    fc.property(anyWindows, moments, fc.array(fraction, { minLength: 10, maxLength: 10 }), (parts, { zone, at }, fractions) => {
        const windows = compile(parts.map(textOf), zone);
        const now = oracle(parts, zone, at);
        const [same, other] = now ? [windows.opensAt(at), windows.closesAt(at)] : [windows.closesAt(at), windows.opensAt(at)];
        expect([windows.isOpen(at), same]).toEqual([now, at]);
        expect(other).toBeGreaterThan(at);
        if (other !== Infinity)
            expect([oracle(parts, zone, other), windows.isOpen(other), windows.isOpen(other - 1)]).toEqual([!now, !now, now]);
        const end = Math.min(other, at + 400 * DAY);
        const between = fractions.map((x) => Math.min(Math.floor(at + x * (end - at)), end - 1));
        const broken = [end - 1, ...between, ...(byMinute ? minutesIn(at, end) : [])].find((sample) => oracle(parts, zone, sample) !== now);
        expect(broken).toBeUndefined();
    });

describe('beside Luxon', () => {
    test('an instant is inside where the wall says so', () => {
        fc.assert(
            fc.property(anyWindows, anyMoment, (parts, { zone, at }) => {
                expect(real(parts.map(textOf), zone).isOpen(at)).toBe(oracle(parts, zone, at));
            }),
            { numRuns: runs(300) },
        );
    });

    test('windows open and close at the first instant that is so', () => {
        fc.assert(answersAreFirst(real, anyMoment, { byMinute: false }), { numRuns: runs(350) });
    });

    test('and at no minute before', () => {
        fc.assert(answersAreFirst(real, anyMoment, { byMinute: true }), { numRuns: runs(30) });
    });

    test('days of 24 hours would not do', () => {
        const fixedDays: Compile = (windows, zone) => {
            const flat = compileWindows({ windows, timeZone: 'UTC' });
            const offsetAt = (at: number): number => DateTime.fromMillis(at, { zone }).offset * MINUTE;
            return {
                isOpen: real(windows, zone).isOpen,
                opensAt: (at) => flat.opensAt(at + offsetAt(at)) - offsetAt(at),
                closesAt: (at) => flat.closesAt(at + offsetAt(at)) - offsetAt(at),
            };
        };
        const withoutChange = anyMoment.map(({ at }): Moment => ({
            zone: 'Asia/Kolkata',
            at: ms('2026-01-01T00:00Z') + (Math.abs(at) % (28 * DAY)),
        }));
        fc.assert(answersAreFirst(fixedDays, withoutChange, { byMinute: false }), { numRuns: 20 });
        expect(fc.check(answersAreFirst(fixedDays, anyMoment, { byMinute: false }), { numRuns: 500, endOnFailure: true }).failed).toBe(
            true,
        );
    });
});

test('an answer takes a bounded number of conversions, wherever it is asked for', () => {
    const rare = calling('Africa/Freetown', 'Mon 00:00-00:01');
    const conversions = jest.spyOn(Intl.DateTimeFormat.prototype as unknown as { readonly format: unknown }, 'format', 'get');
    try {
        for (const at of [ms('1939-08-29T00:00Z'), ms('2026-11-30T00:01Z'), -8.64e15, 8.64e15]) rare.opensAt(at);
        expect(conversions.mock.calls.length).toBeGreaterThan(4);
        expect(conversions.mock.calls.length).toBeLessThan(200);
    } finally {
        conversions.mockRestore();
    }
});
