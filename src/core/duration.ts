// ISO 8601 durations of fixed length: days, hours, minutes and seconds (weeks too). Months and years are refused: their length depends on the date.
const form = /^P(?=\d|T\d)(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{1,3})?)S)?)?$/;

/** Milliseconds of an ISO 8601 duration such as `PT1M30S`, `P1D` or `PT0.5S`; null when it is not one. */
export function parseDuration(text: string): number | null {
    const m = form.exec(text);
    if (!m) return null;
    const [weeks, days, hours, minutes, seconds] = m.slice(1).map((x) => Number(x ?? 0)) as [number, number, number, number, number];
    return Math.round((((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60_000 + seconds * 1000);
}

/** Milliseconds of a duration that a schema has already accepted. */
export function durationMs(text: string): number {
    const ms = parseDuration(text);
    if (ms === null) throw new TypeError(`"${text}" is not an ISO 8601 duration`);
    return ms;
}

/** A whole number of milliseconds, from 0 to 8.64e15, as a duration of days, hours, minutes and seconds: `P1DT2H`, `PT0.5S`, `PT0S`. */
export function durationText(ms: number): string {
    if (!Number.isSafeInteger(ms) || ms < 0 || ms > 8.64e15) throw new RangeError(`${ms} ms are no duration`);
    const [days, hours, minutes] = [Math.floor(ms / 86_400_000), Math.floor(ms / 3_600_000) % 24, Math.floor(ms / 60_000) % 60];
    const seconds = (ms % 60_000) / 1000;
    const part = (n: number, unit: string): string => (n > 0 ? `${n}${unit}` : '');
    const time = part(hours, 'H') + part(minutes, 'M') + part(seconds, 'S');
    const text = part(days, 'D') + (time === '' ? '' : `T${time}`);
    return text === '' ? 'PT0S' : `P${text}`;
}
