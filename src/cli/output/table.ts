// A table for people: columns of one width, cut to the terminal where there is one, and whole where it is piped.
import type { Cell, Printer } from './printer';
import { cut, painted, printable, widthOf } from './text';

const GAP = '  ';

/** Without columns it has no head, and its first cells are names. */
export function tableOf(
    columns: { name: string; right?: boolean }[],
    rows: readonly (readonly Cell[])[],
    { stdout, hasColours }: Printer,
): string {
    const head = columns.map(({ name }) => name.toUpperCase());
    const texts = rows.map((row) => row.map((cell) => (cell === null || cell === undefined ? '' : printable(String(cell)))));
    const all = head.length > 0 ? [head, ...texts] : texts;
    // Not as arguments of one call: so many as there may be rows are more than a call takes.
    const widths = (all[0] ?? []).map((_, at) => all.reduce((most, row) => Math.max(most, widthOf(row[at] ?? '')), 0));
    const paint = (text: string, colour: 'dim' | 'bold'): string => (hasColours ? painted(text, colour) : text);
    const line = (row: readonly string[], at: number): string => {
        const padded = row.map((text, column) => {
            const blanks = ' '.repeat(widths[column]! - widthOf(text));
            return columns[column]?.right ? blanks + text : text + blanks;
        });
        const whole = padded.join(GAP).trimEnd();
        const shown = stdout.isTTY ? cut(whole, stdout.columns) : whole;
        if (columns.length === 0) {
            const name = shown.slice(0, widths[0]);
            return paint(name, 'dim') + shown.slice(widths[0]);
        }
        return at === 0 ? paint(shown, 'bold') : shown;
    };
    return all.map((row, at) => `${line(row, at)}\n`).join('');
}
