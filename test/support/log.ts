import { Log } from '../../src/log';

/** A log that nobody reads. */
export const quiet = new Log({ log: () => undefined, warn: () => undefined });

/** A log whose lines a test reads. */
export function noted(): { log: Log; lines: string[]; warnings: string[] } {
    const lines: string[] = [];
    const warnings: string[] = [];
    const warn = (line: string) => void (lines.push(line), warnings.push(line));
    return { log: new Log({ log: (line) => void lines.push(line), warn }), lines, warnings };
}
