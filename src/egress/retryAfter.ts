// Retry-After (RFC 9110, section 10.2.3), read leniently: it is a lower bound, and a target that says something odd should still be heard.

/** What the target asked for, in ms. `cut`: it asked for more than is ever waited. */
export interface RetryAfter {
    ms: number;
    cut?: true;
}

/** A target that asks for longer is asked again after this time all the same. */
export const MAX_RETRY_AFTER_MS = 7 * 86_400_000;

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const month = `(?<month>${MONTHS.join('|')})`;
const time = '(?<hour>\\d{2}):(?<minute>\\d{2}):(?<second>\\d{2})';
/** The three forms of an HTTP date (RFC 9110, section 5.6.7): IMF-fixdate, RFC 850, asctime. */
const FORMS = [
    `(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?<day>\\d{2}) ${month} (?<year>\\d{4}) ${time} GMT`,
    `(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?<day>\\d{2})-${month}-(?<year>\\d{2}) ${time} GMT`,
    `(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) ${month} (?<day>[ \\d]\\d) ${time} (?<year>\\d{4})`,
].map((form) => new RegExp(`^${form}$`));

/** Headers that came twice are joined by commas; the comma after the day of the week belongs to its date. */
export const COMMA = /,(?! \d\d[ -](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec))/;

/** Ms since 1970 of an HTTP date; null when it is none. `now` tells the century of a year of two digits: at most fifty years ahead. */
export function parseHttpDate(text: string, now: number): number | null {
    for (const form of FORMS) {
        const found = form.exec(text)?.groups;
        if (!found) continue;
        const [day, hour, minute, second] = [found.day, found.hour, found.minute, found.second].map(Number) as [
            number,
            number,
            number,
            number,
        ];
        let year = Number(found.year);
        if (found.year!.length === 2) {
            const century = Math.floor(new Date(now).getUTCFullYear() / 100) * 100;
            year += century;
            if (year > new Date(now).getUTCFullYear() + 50) year -= 100;
        }
        const at = new Date(Date.UTC(year, MONTHS.indexOf(found.month!), day, hour, minute, second));
        // A leap second belongs to the next minute, and it may be of the next day.
        const real = new Date(Date.UTC(year, MONTHS.indexOf(found.month!), day)).getUTCDate() === day;
        return real && hour < 24 && minute < 60 && second <= 60 ? at.getTime() : null;
    }
    return null;
}

/** When the target answered, by its own clock where it tells it. A proxy may put a `Date` of its own beside the target's: the first counts. */
export const answeredAt = (date: string | undefined, now: number): number =>
    (date === undefined ? null : parseHttpDate(date.split(COMMA)[0]!.trim(), now)) ?? now;

/**
 * What the header says, at most seven days; undefined when it says nothing that can be understood. Sent more than once, the largest counts. A date is
 * measured against the `Date` of the same answer, so that a clock that is off does not matter; a negative number or a time in the past is 0.
 */
export function retryAfter(value: string | undefined, date: string | undefined, now: number): RetryAfter | undefined {
    if (value === undefined) return undefined;
    const from = answeredAt(date, now);
    let most: number | null = null;
    for (const one of value.split(COMMA)) {
        const text = one.trim();
        const at = /^-?\d+(\.\d+)?$/.test(text) ? from + Number(text) * 1000 : parseHttpDate(text, now);
        if (at !== null) most = Math.max(most ?? 0, at - from);
    }
    if (most === null) return undefined;
    return most > MAX_RETRY_AFTER_MS ? { ms: MAX_RETRY_AFTER_MS, cut: true } : { ms: Math.ceil(most) };
}
