// CSV text into rows of fields. Outside quotes CRLF, LF and CR each end a row, whatever came before.

/** A row longer than this has, almost surely, a quote that is never closed; its item would be too large in any case. */
export const MAX_ROW_CHARS = 4 * 1024 * 1024;
/** Fields of a row that are told apart: no item has as many columns, and millions of texts take long to make. */
export const MAX_FIELDS = 262_144;
/** Lines that are lost with one bad quote at most. */
export const MAX_LINES_LOST = 20;
/** Rows without end, and without a bad quote, that are gone through for as far as one may go: each costs MAX_ROW_CHARS. */
const MAX_ENDLESS = 3;

/** A row, or a line that is none. `line` is 1-based; each CRLF, LF and CR of the file ends one, within quotes too. */
export type CsvRow =
    | { line: number; fields: string[]; /** Whether any field stands in quotes. */ quoted: boolean }
    | { line: number; badQuote: string; /** How the line begins. */ begin: string }
    | { line: number; tooLong: true };

/** Rows that are split at once: kept together, they take many times what their text does. */
const MAX_ROWS = 16_384;
/** Characters of a bad line that are kept. */
const KEPT = 200;
export const LINE_END = /\r\n|\n|\r/;

const QUOTE = 0x22;
const COMMA = 0x2c;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
const TAB = 0x09;

/**
 * Splits text that comes in pieces; what is not used of a piece must begin the next one. The rows are the same however the text is cut.
 *
 * A quoted field ends at a quote that a comma, a line end or the end of the file follows, with blanks between or without. A quote that other text follows
 * is a bad quote: its row goes on to the next quote that ends a field, and every line of it is a bad row. When that is more than MAX_LINES_LOST lines,
 * or a field does not end in MAX_ROW_CHARS or at all, only the row's first line is bad, and the next row begins after it. Behind MAX_ENDLESS of the latter,
 * up to MAX_ROW_CHARS after the first, no row has more than MAX_LINES_LOST lines: otherwise each line might be gone through for each before it.
 */
export class CsvSplitter {
    /** Line on which the next row begins. */
    line = 1;
    /** Within a line that is too long to be kept. */
    private dropping = false;
    /** Characters before the text at hand. */
    private before = 0;
    /** Rows without end, and the place up to which they are counted. */
    private endless = 0;
    private endlessTo = 0;

    /**
     * The rows that are whole in `text`, without blank lines, and how much of it they take; with `last`, what is left is a row too. `more`: there were
     * too many for one call.
     */
    split(text: string, last: boolean): { rows: CsvRow[]; used: number; more: boolean } {
        const rows: CsvRow[] = [];
        let at = this.dropping ? this.dropLine(text, Math.min(find('\n', text, 0), find('\r', text, 0)), last) : 0;
        let lf = -1;
        let cr = -1;
        let quote = -1;
        while (at < text.length && !this.dropping && rows.length < MAX_ROWS) {
            if (lf < at) lf = find('\n', text, at);
            if (cr < at) cr = find('\r', text, at);
            if (quote < at) quote = find('"', text, at);
            const end = lf < cr ? lf : cr;
            // Most rows have no quote: they end where the line does.
            if (end < quote && end + 1 < text.length && end - at <= MAX_ROW_CHARS) {
                const fields = text.slice(at, end).split(',', MAX_FIELDS + 1);
                if (!isBlank(fields)) rows.push({ line: this.line, fields, quoted: false });
                this.line++;
                at = cr === end && lf === end + 1 ? end + 2 : end + 1;
                continue;
            }
            const begun = new RowBegun(at, this.endless >= MAX_ENDLESS && this.before + at < this.endlessTo);
            const row = splitRow(text, begun, last);
            // The row may end here, but for a line end of which half is there.
            if (row === 'more' && text.length - at <= MAX_ROW_CHARS + 1) break;
            if (row === 'more' || row === 'unclosed' || row.end - at > MAX_ROW_CHARS) {
                rows.push(this.badLine(text, at, end - at));
                if (begun.badAt - at > MAX_ROW_CHARS) this.countEndless(this.before + at);
                at = this.dropLine(text, end, last);
            } else {
                // Most rows end where their first line does.
                const isOneLine = end < text.length && afterLineEnd(text, end) === row.next;
                this.add(rows, row, text.slice(at, row.next), isOneLine ? 1 : countLineEnds(text, at, row.next));
                at = row.next;
            }
        }
        this.before += at;
        return { rows, used: at, more: rows.length >= MAX_ROWS };
    }

    private countEndless(place: number): void {
        if (place >= this.endlessTo) {
            this.endless = 0;
            this.endlessTo = place + MAX_ROW_CHARS;
        }
        this.endless++;
    }

    private add(rows: CsvRow[], { fields, quoted, badQuote }: SplitRow, text: string, lineEnds: number): void {
        const { line } = this;
        this.line += lineEnds;
        if (badQuote === null) {
            if (quoted || !isBlank(fields)) rows.push({ line, fields, quoted });
            return;
        }
        const lines = text
            .split(LINE_END)
            .flatMap((begin, i) => (isBlank([begin]) ? [] : [{ line: line + i, begin: begin.slice(0, KEPT) }]));
        const lost = lines.length > 1 ? `; the lines ${line} to ${lines.at(-1)!.line} are lost with it` : '';
        for (const [i, each] of lines.entries())
            rows.push({ ...each, badQuote: i === 0 ? badQuote + lost : `lost with the bad quote on line ${line}` });
    }

    private badLine(text: string, at: number, length: number): CsvRow {
        if (length > MAX_ROW_CHARS) return { line: this.line, tooLong: true };
        const badQuote = 'a quote is not closed where a field ends; the next row was looked for on the next line';
        return { line: this.line, badQuote, begin: text.slice(at, at + Math.min(KEPT, length)) };
    }

    /** Passes over the line that ends at `end`, or what there is of it; gives the place after that. */
    private dropLine(text: string, end: number, last: boolean): number {
        // A CR that ends the text may be half of a line end.
        const open = !last && (end === text.length || (end + 1 === text.length && text.charCodeAt(end) === CR));
        this.dropping = open;
        if (open || end === text.length) return end;
        this.line++;
        return afterLineEnd(text, end);
    }
}

interface SplitRow {
    fields: string[];
    quoted: boolean;
    badQuote: string | null;
    end: number;
    /** Where the next row begins: behind the line end. */
    next: number;
}

/** A row that is gone through. */
class RowBegun {
    readonly fields: string[] = [];
    quoted = false;
    badQuote: string | null = null;
    badAt = Infinity;
    private lineEnds = 0;
    private counted: number;

    constructor(
        readonly from: number,
        /** Whether the row, without a bad quote too, may have MAX_LINES_LOST lines only. */
        private readonly isShort: boolean,
    ) {
        this.counted = from;
    }

    push(field: string): void {
        if (this.fields.length <= MAX_FIELDS) this.fields.push(field);
    }

    /** Whether it has, up to this place, more lines than it may. */
    isTooMuch(text: string, to: number): boolean {
        if (this.badQuote === null && !this.isShort) return false;
        this.lineEnds += countLineEnds(text, this.counted, to);
        this.counted = to;
        return this.lineEnds >= MAX_LINES_LOST;
    }
}

/** The row that begins there; `more` when its end is not there yet, `unclosed` when a quote takes too much with it. */
function splitRow(text: string, row: RowBegun, last: boolean): SplitRow | 'more' | 'unclosed' {
    for (let at = row.from; ; at++) {
        if (text.charCodeAt(at) === QUOTE) {
            const field = quotedField(text, at, last, row);
            if (typeof field === 'string') return field;
            row.push(field.value);
            row.quoted = true;
            at = field.end;
        } else {
            const begin = at;
            while (at < text.length && !endsField(text.charCodeAt(at))) at++;
            row.push(text.slice(begin, at));
        }
        if (at < text.length && text.charCodeAt(at) === COMMA) continue;
        // Here the text ends, or the line.
        if (!last && (at === text.length || (at + 1 === text.length && text.charCodeAt(at) === CR))) return 'more';
        if (row.isTooMuch(text, at)) return 'unclosed';
        const { fields, quoted, badQuote } = row;
        return { fields, quoted, badQuote, end: at, next: at === text.length ? at : afterLineEnd(text, at) };
    }
}

/** The field whose first quote is at `at`, and where it ends. A bad quote in it is noted in the row. */
function quotedField(text: string, at: number, last: boolean, row: RowBegun): { value: string; end: number } | 'more' | 'unclosed' {
    let doubled = false;
    for (let quote = text.indexOf('"', at + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
        // Doubled quotes are looked at too: all that follow may be doubled, or end fields.
        if (row.isTooMuch(text, quote)) return 'unclosed';
        if (text.charCodeAt(quote + 1) === QUOTE) {
            doubled = true;
            quote++;
            continue;
        }
        const end = afterBlanks(text, quote + 1);
        if (end === text.length && !last) return 'more';
        if (end === text.length || endsField(text.charCodeAt(end))) {
            const value = text.slice(at + 1, quote);
            return { value: doubled ? value.replaceAll('""', '"') : value, end };
        }
        if (row.badQuote !== null) continue;
        row.badQuote = `bad quote in field ${row.fields.length + 1}: ${JSON.stringify(text.slice(quote + 1, quote + 11).split(/[\r\n]/)[0])} follows the quote that would end it; a quote within a field is written twice`;
        row.badAt = quote;
        if (row.isTooMuch(text, quote)) return 'unclosed';
    }
    return last ? 'unclosed' : 'more';
}

/** The place of the first `what` from `at` on, or the text's length. */
function find(what: string, text: string, at: number): number {
    const found = text.indexOf(what, at);
    return found < 0 ? text.length : found;
}

const endsField = (unit: number): boolean => unit === COMMA || unit === LF || unit === CR;

const afterLineEnd = (text: string, at: number): number => (text.charCodeAt(at) === CR && text.charCodeAt(at + 1) === LF ? at + 2 : at + 1);

function afterBlanks(text: string, at: number): number {
    while (text.charCodeAt(at) === SPACE || text.charCodeAt(at) === TAB) at++;
    return at;
}

/** Line ends that begin between the two places; a CRLF is one. */
function countLineEnds(text: string, from: number, to: number): number {
    let count = 0;
    for (let at = from; at < to; at++) {
        const unit = text.charCodeAt(at);
        if (unit === LF || (unit === CR && text.charCodeAt(at + 1) !== LF)) count++;
    }
    return count;
}

const isBlank = (fields: string[]): boolean => fields.length === 1 && fields[0]!.trim() === '';
