// What a file that is refused looks like, in words, and what can be done with it.
import type { JobCode } from '../core/codes';
import { endOfText } from './depth';
import type { CsvRow } from './csvSplitter';
import { SourceError } from './row';

/** Bytes at the beginning of a file that are looked at before anything is read. */
export const SNIFFED = 512;
/** Characters of a JSON document that are looked at when it is no array. */
export const DESCRIBED = 65_536;

const signatures: [bytes: string, what: string, code?: JobCode][] = [
    ['1f8b', 'compressed with gzip', 'COMPRESSED'],
    ['504b0304', 'a ZIP archive, or an Excel workbook (.xlsx), which is one', 'COMPRESSED'],
    ['28b52ffd', 'compressed with Zstandard', 'COMPRESSED'],
    ['fd377a585a00', 'compressed with xz', 'COMPRESSED'],
    ['377abcaf271c', 'a 7-Zip archive', 'COMPRESSED'],
    ['425a6839314159265359', 'compressed with bzip2', 'COMPRESSED'],
    ['d0cf11e0a1b11ae1', 'an old Office document, such as an Excel workbook (.xls)'],
    ['255044462d', 'a PDF'],
    ['5041523115', 'a Parquet file'],
    ['53514c69746520666f726d6174203300', 'an SQLite database'],
];

/** Why a file that begins so is no text in UTF-8, whatever its format; null when it may be. */
export function refusalOf(begin: Buffer): SourceError | null {
    for (const [bytes, what, code] of signatures) {
        if (!begin.subarray(0, bytes.length / 2).equals(Buffer.from(bytes, 'hex'))) continue;
        return code
            ? new SourceError(code, `the source is ${what}; unpack it, or save it as CSV, first`)
            : new SourceError('NOT_TEXT', `the source is ${what}, not text; save it as CSV first`);
    }
    const wide = wideEncoding(begin, MOSTLY);
    return wide === null ? null : new SourceError('NOT_UTF8', `the source is not UTF-8: ${convert(wide)}`);
}

/** Of the code units in a sample, those that hold a NUL byte: more of them when nothing else speaks against UTF-8. */
const MOSTLY = 0.25;
const SOME = 0.02;

/** UTF-16 or UTF-32, by its mark or by the NUL bytes that all ASCII characters have in it. */
function wideEncoding(bytes: Buffer, share: number): string | null {
    if (startsWith(bytes, 0xff, 0xfe, 0, 0) || startsWith(bytes, 0, 0, 0xfe, 0xff)) return 'UTF-32';
    if (startsWith(bytes, 0xff, 0xfe)) return 'UTF-16LE';
    if (startsWith(bytes, 0xfe, 0xff)) return 'UTF-16BE';
    const nul = [0, 0, 0, 0];
    for (let i = 0; i < bytes.length; i++) if (bytes[i] === 0) nul[i % 4]!++;
    const even = nul[0]! + nul[2]!;
    const odd = nul[1]! + nul[3]!;
    const enough = Math.max(2, share * (bytes.length / 2));
    if (even >= enough && odd >= enough) return Math.min(even, odd) * 3 > bytes.length / 2 ? 'UTF-32' : null;
    if (odd >= enough && odd > 4 * even) return 'UTF-16LE';
    return even >= enough && even > 4 * odd ? 'UTF-16BE' : null;
}

const startsWith = (bytes: Buffer, ...begin: number[]): boolean => begin.every((byte, i) => bytes[i] === byte);

/** What the encoding of bytes that are no UTF-8 may be. */
export function looksLikeEncoding(bytes: Buffer): string {
    const wide = wideEncoding(bytes, SOME);
    if (wide !== null) return convert(wide);
    if (bytes.length < 4) return 'it ends within a character: it is cut off, or in another encoding, such as Windows-1252';
    let alone = 0;
    let together = 0;
    for (let i = 0; i < bytes.length; i++) {
        if (bytes[i]! < 0x80) continue;
        if ((bytes[i - 1] ?? 0) < 0x80 && (bytes[i + 1] ?? 0) < 0x80) alone++;
        else together++;
    }
    if (alone > together) return convert('Windows-1252', ' (or Latin-1)');
    return 'it looks like an encoding for one language, such as GBK, Shift_JIS or Windows-1251; convert it to UTF-8, for example with iconv';
}

const convert = (encoding: string, more = ''): string =>
    `it looks like ${encoding}${more}; convert it, for example with "iconv -f ${encoding.toUpperCase()} -t UTF-8", or save it as "CSV UTF-8" in Excel`;

const MARKUP = /^\s*<(!doctype|html|head|body|script|meta|title|\?xml|!--)/i;
/** A page without its head: a line that is one tag, or begins with one and has the end of one, or another right behind it. */
const TAG = /^\s*<[a-z][\w:.-]*(\s[^<>]*)?\/?>(\s*$|\s*<[a-z]|.*<\/[a-z])/is;
const isMarkup = (text: string): boolean => MARKUP.test(text) || TAG.test(text);
const markup = 'looks like an HTML page or XML, perhaps the page of an error or a sign-in that was saved in place of the file';

const separators = { ';': 'semicolons', '\t': 'tabs', '|': 'vertical bars' };

/** What a CSV file whose first row is this looks like, to be read after "the header on line n"; null when it may be CSV. */
export function looksLikeNoCsv(row: Exclude<CsvRow, { tooLong: true }>): string | null {
    const text = 'fields' in row ? row.fields.join() : row.begin;
    const begin = text.slice(0, 200).trim();
    if (/^"?sep=/i.test(begin))
        return `is the line "${begin.slice(0, 10)}", by which Excel is told the separator; delete this line, and have commas as separators`;
    if (isMarkup(begin)) return markup;
    if (/^(\{\s*"|\[\s*[[{"]|[[{]$)/.test(begin))
        return 'looks like JSON; set source.format to json (one array) or to ndjson (one value a line)';
    for (const [separator, name] of Object.entries(separators)) {
        // Quotes, too, show what stands behind them in place of commas.
        const isSeparated =
            'fields' in row ? !row.quoted && text.split(separator).length > row.fields.length : text.includes(`"${separator}`);
        if (isSeparated)
            return `looks separated by ${name}: ${JSON.stringify(begin.slice(0, 60))}; save it with commas, which alone are read`;
    }
    return null;
}

/** What the first line of NDJSON looks like that is no JSON value; null when it may be a bad line among good ones. */
export function looksLikeNoLines(line: string): string | null {
    if (isMarkup(line.slice(0, 200))) return `the source ${markup}`;
    if (/^(\{|\[|\[[^\n]*,)$/.test(line))
        return 'the source looks like one JSON document over several lines, not like one value a line; for one array set source.format to json';
    if (line.includes('\r') && isJson(line.slice(0, line.indexOf('\r'))))
        return 'the line ends of the source are CR; NDJSON has LF, or CRLF';
    return null;
}

/** What a JSON document is whose first characters are these, and which is no array: to be read after "the JSON document". */
export function describeDocument(begin: string): string {
    const text = begin.trimStart();
    if (text.startsWith('{')) return describeObject(text);
    if (isMarkup(text.slice(0, 200))) return markup;
    const line = /^[^\r\n]*/.exec(text.slice(0, 200))![0].trim();
    if (isJson(line)) return `is not an array: it begins with ${kindOf(line)}; for one value a line set source.format to ndjson`;
    const start = JSON.stringify(line.slice(0, 40));
    if (line.startsWith('"')) return `is not an array: it begins with a string, ${start}`;
    return `is not an array, nor JSON: it begins with ${start}${line.includes(',') ? '; for CSV set source.format to csv' : ''}`;
}

function isJson(text: string): boolean {
    try {
        JSON.parse(text);
        return true;
    } catch {
        return false;
    }
}

const kindOf = (json: string): string => (json.startsWith('"') ? 'a string' : /^[-\d]/.test(json) ? 'a number' : json);

/** Names that a message shows, and characters of each. */
const NAMES = 5;
const NAME_CHARS = 40;

function describeObject(text: string): string {
    const { fields, end } = fieldsOf(text);
    if (end !== null && text.slice(end).trim() !== '')
        return 'is not an array: it has one value after another; for one value a line set source.format to ndjson';
    const shown = fields.slice(0, NAMES).map(({ name }) => JSON.stringify(name.slice(0, NAME_CHARS)));
    const more = fields.length > NAMES ? ', …' : '';
    const what = `is not an array: it is an object${shown.length > 0 ? ` with the fields ${shown.join(', ')}${more}` : ''}`;
    // Arrays of objects are what people keep their items in; other arrays are bounds and the like.
    const nameable = fields.filter(({ name }) => name.length <= NAME_CHARS);
    const list = nameable.find(({ value }) => /^\[\s*\{/.test(value)) ?? nameable.find(({ value }) => value.startsWith('['));
    if (list)
        return `${what}. If its items are in ${JSON.stringify(list.name)}, take that array out, for example with: jq '${path(list.name)}' file.json`;
    const map = nameable.find(({ value }) => value.startsWith('{'));
    if (map)
        return `${what}. If its items are the fields of ${JSON.stringify(map.name)}, make an array of them, for example with: jq '${path(map.name)} | to_entries' file.json`;
    return `${what}. If this is one item, put it in brackets: [ … ]`;
}

const path = (name: string): string => (/^[A-Za-z_]\w*$/.test(name) ? `.${name}` : `.[${JSON.stringify(name).replaceAll("'", "'\\''")}]`);

/** The names of an object's fields with the first characters of their values, as far as the text goes, and the place behind the object. */
function fieldsOf(text: string): { fields: { name: string; value: string }[]; end: number | null } {
    const fields: { name: string; value: string }[] = [];
    let depth = 0;
    for (let at = 0; at < text.length; at++) {
        const char = text[at]!;
        if (char === '"') {
            const end = endOfText(text, at);
            const colon = depth === 1 ? /^\s*:\s*/.exec(text.slice(end + 1, end + 100)) : null;
            const name = text.slice(at, end + 1);
            if (colon && isJson(name)) {
                const value = end + 1 + colon[0].length;
                fields.push({ name: JSON.parse(name) as string, value: text.slice(value, value + 100) });
            }
            at = end;
        } else if (char === '{' || char === '[') depth++;
        else if ((char === '}' || char === ']') && --depth === 0) return { fields, end: at + 1 };
    }
    return { fields, end: null };
}
