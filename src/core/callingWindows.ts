// When a job may call: windows of the week on the clock on the wall of one time zone. A window is a set of (weekday, minute) pairs, not of instants, so a
// change of daylight saving needs no rule of its own: wall times that do not exist on a day open nothing, wall times that come twice are inside both times,
// and `Sat 20:00-06:00` ends at 06:00 on the wall, after 9 or 11 hours if need be.

/** The most windows a job may have. */
export const MAX_WINDOWS = 50;

/** What `parseWindow` takes, for messages. */
export const WINDOW_FORM = 'days, times or both, such as "Mon-Fri 20:00-06:00", "Sat-Sun" or "22:00-06:00"';

/** One window: the days it begins on (0 is Monday), and its minutes of such a day. It crosses midnight where `to` is more than 24 hours. */
export interface CallingWindow {
    days: readonly number[];
    from: number;
    to: number;
}

/** Instants are ms since 1970. The answers of `opensAt` and `closesAt` hold for as long as the rules of the time zone do. */
export interface CallingWindows {
    /** Whether the wall shows a weekday and time inside a window at this instant: its start is inside, its end is not. */
    isOpen: (at: number) => boolean;
    /** The first instant from `at` on that is inside; Infinity if there is none within 400 days. */
    opensAt: (at: number) => number;
    /** The first instant from `at` on that is outside; Infinity if there is none within 400 days, as where the windows cover the whole week. */
    closesAt: (at: number) => number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const DAY_MINUTES = 1440;
const WEEK_MINUTES = 7 * DAY_MINUTES;
const HORIZON_MS = 400 * DAY_MS;
/** The last instant that a date can have. */
const LAST_MS = 8.64e15;
/** 1970 began on a Thursday, three days into a week that begins on Monday. */
const WEEKDAY_OF_1970 = 3;

const names = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const day = `(?:${names.join('|')})`;
const span = `${day}(?:-${day})?`;
const time = '(?:[01]\\d|2[0-3]):[0-5]\\d';
const form = new RegExp(`^(?=.)(${span}(?:,${span})*)?(?:(?:^|(?!^) )(${time})-(${time}|24:00))?$`, 'i');

const modulo = (n: number, size: number): number => ((n % size) + size) % size;

const minutesOf = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));

/** The days of `Mon`, `Mon-Fri` or `Fri-Mon`; none of `Mon-Mon`, which could mean a day as well as a week. */
const daysOfSpan = (text: string): number[] => {
    const [first, last] = text.split('-').map((name) => names.indexOf(name)) as [number, number?];
    if (last === undefined) return [first];
    return first === last ? [] : Array.from({ length: modulo(last - first, 7) + 1 }, (_, i) => (first + i) % 7);
};

const daysOf = (text: string): number[] | null => {
    const spans = text.toLowerCase().split(',').map(daysOfSpan);
    return spans.some(({ length }) => length === 0) ? null : [...new Set(spans.flat())].sort();
};

/**
 * The window that a text names, or null when it names none: `[days] [HH:MM-HH:MM]`, one of the two at least, one space between them. Days are `Mon`,
 * `Mon-Fri`, `Fri-Mon` (round the week) or several of these with commas between, in any case; without days it is every day. Without times it is the whole
 * day. An end before the start is on the day after, and the window belongs to the day it begins on: `Fri 20:00-06:00` is open on Saturday at 03:00 and
 * not on Friday at 03:00. What begins where it ends, as `22:00-22:00` or `Mon-Mon`, could be read in two ways and is refused.
 */
export function parseWindow(text: string): CallingWindow | null {
    const m = form.exec(text);
    if (!m) return null;
    const days = daysOf(m[1] ?? 'mon-sun');
    const from = minutesOf(m[2] ?? '00:00');
    const end = minutesOf(m[3] ?? '24:00');
    if (days === null || from === end) return null;
    return { days, from, to: end < from ? end + DAY_MINUTES : end };
}

/**
 * A formatter that writes the zone's offset behind a date, or null when `Intl` knows no such zone. Newer versions of Node take offsets such as `+01:00`
 * for zones: a zone here is a name, which begins with a letter.
 */
const offsetFormat = (timeZone: string): Intl.DateTimeFormat | null => {
    if (!/^[a-z]/i.test(timeZone)) return null;
    try {
        return new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
    } catch {
        return null;
    }
};

/** Whether this is the name of a time zone, such as `Europe/Paris` or `UTC`; an offset such as `+01:00` is none. */
export const isTimeZone = (name: string): boolean => offsetFormat(name) !== null;

const offset = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/;

/** What the wall is ahead of UTC at this instant, in ms. Offsets of old years have seconds. */
const offsetAt = (format: Intl.DateTimeFormat, at: number): number => {
    const text = format.format(at);
    const m = offset.exec(text);
    if (!m) throw new TypeError(`"${text}" ends with no offset`);
    const [hours, minutes, seconds] = m.slice(2).map((x) => Number(x ?? 0)) as [number, number, number];
    return (m[1] === '-' ? -1 : 1) * ((hours * 60 + minutes) * 60 + seconds) * 1000;
};

/**
 * The first instant after `from`, up to `to`, with another offset than `from` has; Infinity if there is none. It looks at every day and then halves:
 * since time zones began, no zone has changed twice within three days, so that no change and its undoing fall between two looks.
 */
const changeOfOffset = (format: Intl.DateTimeFormat, from: number, to: number): number => {
    const before = offsetAt(format, from);
    for (let low = from; low < to; low += DAY_MS) {
        const high = Math.min(low + DAY_MS, to);
        if (offsetAt(format, high) !== before) return firstOther(format, before, low, high);
    }
    return Infinity;
};

/** The first instant with another offset than `before`, of which there is one up to `high`, and none up to `low`. */
const firstOther = (format: Intl.DateTimeFormat, before: number, low: number, high: number): number => {
    while (high - low > 1) {
        const middle = Math.floor((low + high) / 2);
        if (offsetAt(format, middle) === before) low = middle;
        else high = middle;
    }
    return high;
};

/** For every minute of the week, from Monday 00:00 on, whether a window is open. */
const weekOf = (windows: readonly CallingWindow[]): boolean[] => {
    const week = new Array<boolean>(WEEK_MINUTES).fill(false);
    for (const { days, from, to } of windows)
        for (const d of days) for (let minute = from; minute < to; minute++) week[(d * DAY_MINUTES + minute) % WEEK_MINUTES] = true;
    return week;
};

/** Minutes from the begin of this minute of the week until the week is not as it is now. There is an end to it: the week is not all the same. */
const minutesAlike = (week: readonly boolean[], minute: number): number => {
    let count = 1;
    while (week[(minute + count) % WEEK_MINUTES] === week[minute]) count++;
    return count;
};

const windowOf = (text: string): CallingWindow => {
    const window = parseWindow(text);
    if (window === null) throw new TypeError(`"${text}" is not a window: it is ${WINDOW_FORM}`);
    return window;
};

/**
 * The windows that a schema has already accepted, ready to be asked; it throws a TypeError at what none should have. They hold one formatter, which is
 * worth keeping: an answer takes some ten conversions of an instant, some fifty where the offset changes, a microsecond or two each.
 */
export function compileWindows({ windows, timeZone }: { windows: readonly string[]; timeZone: string }): CallingWindows {
    const format = offsetFormat(timeZone);
    if (format === null) throw new TypeError(`"${timeZone}" is not a time zone`);
    if (windows.length > MAX_WINDOWS) throw new TypeError(`${windows.length} windows are more than ${MAX_WINDOWS}`);
    const week = weekOf(windows.map(windowOf));
    const isAllAlike = week.every((isInside) => isInside === week[0]);

    const wallAt = (at: number): number => at + offsetAt(format, at) + WEEKDAY_OF_1970 * DAY_MS;
    const minuteAt = (at: number): number => modulo(Math.floor(wallAt(at) / MINUTE_MS), WEEK_MINUTES);
    const isOpen = (at: number): boolean => week[minuteAt(at)] === true;

    /** The edge that the wall comes to next if the offset stays what it is. */
    const nextEdge = (at: number): number => at - modulo(wallAt(at), MINUTE_MS) + minutesAlike(week, minuteAt(at)) * MINUTE_MS;

    /** The first instant after `at` at which `isOpen` is not what it is at `at`: an edge, or a change of offset that comes before it. */
    const flipsAt = (at: number): number => {
        if (isAllAlike) return Infinity;
        const now = isOpen(at);
        const end = Math.min(at + HORIZON_MS, LAST_MS);
        // Edges and changes of offset are at whole ms. Every round goes on by one of them, so that there are few.
        for (let from = Math.floor(at); from < end;) {
            const edge = nextEdge(from);
            from = Math.min(edge, changeOfOffset(format, from, Math.min(edge, end)));
            if (from <= end && isOpen(from) !== now) return from;
        }
        return Infinity;
    };

    return {
        isOpen,
        opensAt: (at) => (isOpen(at) ? at : flipsAt(at)),
        closesAt: (at) => (isOpen(at) ? flipsAt(at) : at),
    };
}
