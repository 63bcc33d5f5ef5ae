// A record of CSV (RFC 4180).
import type { Cell } from './printer';

export const csvLine = (cells: readonly Cell[]): string => `${cells.map(field).join(',')}\n`;

function field(cell: Cell): string {
    const text = cell === null || cell === undefined ? '' : String(cell);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
