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
