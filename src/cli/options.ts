// What options take, where several commands take it.
import { InvalidArgumentError } from 'commander';

export const collect = (value: string, before: string[] = []): string[] => [...before, value];

/** A whole number within bounds. */
export const whole =
    (least: number, most = Number.MAX_SAFE_INTEGER) =>
    (text: string): number => {
        const n = Number(text);
        if (/^\d+$/.test(text) && n >= least && n <= most) return n;
        throw new InvalidArgumentError(
            `Allowed is a whole number, ${most === Number.MAX_SAFE_INTEGER ? `at least ${least}` : `${least} to ${most}`}.`,
        );
    };

/** `name=value` as a pair. */
export function pair(text: string): [name: string, value: string] {
    const at = text.indexOf('=');
    if (at < 1) throw new InvalidArgumentError('Write it as name=value.');
    return [text.slice(0, at), text.slice(at + 1)];
}

/** Options that come as pairs, as often as needed, together. */
export function pairs(text: string, before: Record<string, string> = {}): Record<string, string> {
    const [name, value] = pair(text);
    return Object.defineProperty({ ...before }, name, { value, enumerable: true, configurable: true, writable: true });
}
