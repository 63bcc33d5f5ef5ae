// Results as CSV (RFC 4180). The columns are fixed: the file is written while it is read, so no later line can add one.
import { writeExact } from '../../json/exactJson';
import type { Outcome } from '../../items/outcomeLines';

export const CSV_HEADER = 'index,key,outcome,attempts,status,ms,at,error_code,error_message,output,truncated,output_bytes\r\n';

/** A value as the text of a cell. One that is not a string is written as JSON text. */
const cell = (value: unknown): string =>
    value === undefined || value === null ? '' : typeof value === 'string' ? value : writeExact(value);

// Leading and trailing blanks are quoted too: some readers trim what is not.
const quoted = (text: string): string => (/[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** One outcome as a CSV record. */
export const csvRecord = (o: Outcome): string => record(o, cell);

/** The same for a spreadsheet: no cell is a formula, whoever wrote what stands in it. */
export const spreadsheetRecord = (o: Outcome): string => record(o, (value) => inert(cell(value)));

const record = (o: Outcome, text: (value: unknown) => string): string =>
    [o.index, o.key, o.outcome, o.attempts, o.status, o.ms, o.at, o.error?.code, o.error?.message, o.output, o.truncated, o.outputBytes]
        .map((value) => quoted(text(value)))
        .join(',') + '\r\n';

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
/**
 * What makes a formula where a cell begins. Blanks, control and invisible characters and quotes may come first; not what separates cells, or each of many
 * would look through all that follow.
 */
const FORMULA = String.raw`(?=(?:(?![\t\r\n])[\s\p{Cc}\p{Cf}"])*[=+\-@＝＋－＠]|[\t\r])`;
const AT_THE_BEGINNING = new RegExp(`^${FORMULA}`, 'u');
/** Where a program that separates by semicolons, tabs or lines, whatever the quotes say, sees a further cell within the text. */
const WITHIN = new RegExp(`([;\t\r\n])${FORMULA}`, 'gu');

/** A text that no spreadsheet runs: an apostrophe stands before what would begin a formula. A number stays a number. */
export const inert = (text: string): string => (NUMBER.test(text) ? text : text.replace(WITHIN, "$1'").replace(AT_THE_BEGINNING, "'"));
