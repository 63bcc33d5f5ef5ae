// Data in each of their forms.
import { writeExact } from '../../json/exactJson';
import { csvLine } from './csv';
import type { Cell, Column, Printer } from './printer';
import { tableOf } from './table';

/** Rows of which there may be many: a table knows its widths when all are there, every other form is written as they come. */
export async function writeRows<Row>(printer: Printer, columns: Column<Row>[], rows: Iterable<Row> | AsyncIterable<Row>): Promise<void> {
    const { stdout } = printer;
    const cells = (row: Row): Cell[] => columns.map(({ of }) => of(row));
    const names = columns.map(({ name }) => name);
    switch (printer.form) {
        case 'none':
            return;
        case 'table': {
            const all: Cell[][] = [];
            for await (const row of rows) all.push(cells(row));
            return stdout.write(tableOf(columns, all, printer));
        }
        case 'csv':
            await stdout.write(csvLine(names));
            for await (const row of rows) await stdout.write(csvLine(cells(row)));
            return;
        case 'ndjson':
            for await (const row of rows) await stdout.write(`${writeExact(row)}\n`);
            return;
        case 'json': {
            let before = '[';
            for await (const row of rows) {
                await stdout.write(`${before}\n${writeExact(row)}`);
                before = ',';
            }
            return stdout.write(before === '[' ? '[]\n' : '\n]\n');
        }
    }
}

/** One document: a table has a line for each of its fields that says something, CSV one record. */
export async function writeOne<Row>(printer: Printer, fields: Column<Row>[], row: Row): Promise<void> {
    const { stdout } = printer;
    switch (printer.form) {
        case 'none':
            return;
        case 'table': {
            const told = fields
                .map(({ name, of }) => [name, of(row)] as const)
                .filter(([, cell]) => cell !== null && cell !== undefined && cell !== '');
            return stdout.write(tableOf([], told, printer));
        }
        case 'csv':
            return stdout.write(csvLine(fields.map(({ name }) => name)) + csvLine(fields.map(({ of }) => of(row))));
        case 'ndjson':
            return stdout.write(`${writeExact(row)}\n`);
        case 'json':
            return stdout.write(`${indented(row)}\n`);
    }
}

/** JSON to look at; where a number is more than JavaScript holds, in one line, with every digit. */
function indented(row: unknown): string {
    try {
        return JSON.stringify(row, null, 2);
    } catch {
        return writeExact(row);
    }
}
