// How data are written: in which form, where to, in colours or not.
import type { DataOutput } from '../shell';

export const forms = ['table', 'json', 'ndjson', 'csv', 'none'] as const;
export type Form = (typeof forms)[number];

export interface Printer {
    readonly form: Form;
    readonly stdout: DataOutput;
    readonly hasColours: boolean;
}

export type Cell = string | number | boolean | null | undefined;

export interface Column<Row> {
    name: string;
    of: (row: Row) => Cell;
    /** Numbers stand at the right. */
    right?: boolean;
}
