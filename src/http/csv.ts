// Results as CSV (RFC 4180). The columns are fixed: the file is written while it is read, so no later line can add one.
import type { Outcome } from '../core/outcome';

export const CSV_HEADER = 'index,key,outcome,attempts,status,ms,at,error_code,error_message,output\r\n';

const field = (value: unknown): string => {
    if (value === undefined || value === null) return '';
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    // Leading and trailing blanks are quoted too: some readers trim what is not.
    return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** One outcome as a CSV record. An output that is not a string is written as JSON text. */
export const csvRecord = (o: Outcome): string =>
    [o.index, o.key, o.outcome, o.attempts, o.status, o.ms, o.at, o.error?.code, o.error?.message, o.output].map(field).join(',') + '\r\n';
