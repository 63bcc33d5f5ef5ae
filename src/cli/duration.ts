// Durations as people write them on a command line.
import { CliError } from './errors';

const units: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000 };
const iso = /^P(?=\d|T\d)(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;

/** The forms, in words. */
export const DURATION_FORM = '90s, 10m, 2h, 1d, 1h30m, or ISO 8601 such as PT10M';

/** In ms; null where the text is no duration. */
export function parseDuration(text: string): number | null {
    const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|min|s|m|h|d)/g)];
    if (parts.length > 0 && parts.map(([whole]) => whole).join('') === text)
        return parts.reduce((sum, [, n, unit]) => sum + Number(n) * units[unit!]!, 0);
    const read = iso.exec(text);
    if (!read) return null;
    const [days, hours, minutes, seconds] = read.slice(1).map((n) => Number(n ?? 0)) as [number, number, number, number];
    return ((days * 24 + hours) * 60 + minutes) * 60_000 + seconds * 1000;
}

/** For an option. @throws CliError */
export function durationOption(option: string): (text: string) => number {
    return (text) => {
        const ms = parseDuration(text);
        if (ms === null || !(ms > 0)) throw new CliError(`${option}: "${text}" is no duration; allowed: ${DURATION_FORM}, more than 0.`);
        return ms;
    };
}
