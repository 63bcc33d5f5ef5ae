// What messages of one kind have in common: the message without its numbers, ids, quotes and addresses. Messages come from targets: whatever they hold, a
// pattern takes time in proportion to their length, and no more than that of the first 500 characters. A target may refuse ten thousand items a second, so
// what most messages do not hold is looked for before it is taken out.
import { cutText } from '../core/text';

/** UTF-16 units of a message that are looked at: no outcome has more. */
export const LOOKED_AT = 500;
/**
 * UTF-16 units of a pattern. An answer is cut to 200 before it becomes part of a message: a longer pattern of a long answer would end here or there, by how
 * long the ids before its end are, and one kind would be many.
 */
const PATTERN_CHARACTERS = 120;

// What stands for something that was taken out until all is: characters that nobody uses, in which nothing more is found.
const QUOTE = '\uE000';
const URL = '\uE001';
const ADDRESS = '\uE002';
const EMAIL = '\uE003';
const NUMBER = '\uE004';
const shownAs: Record<string, string> = { [QUOTE]: '"…"', [URL]: '<url>', [ADDRESS]: '<address>', [EMAIL]: '<email>', [NUMBER]: '#' };
const MARKS = '\uE000-\uE004';

/** Blanks of any kind and what cannot be seen; a mark that stands in the message itself is nothing to be seen either. */
const BLANKS = new RegExp(`[\\s\\p{Cc}\\p{Cf}${MARKS}]+`, 'gu');
const PERHAPS_BLANKS = /[^ -~]| {2}/;

/**
 * Quoted text. An apostrophe within a word ("can't", "the items' names") opens none. No kind of quote holds its own opening sign, so that each is looked at
 * from one place alone. A double quote that nobody closes quotes what is left: the message is cut there.
 */
const QUOTED = new RegExp(
    [
        '"[^"]*"',
        '`[^`]*`',
        '“[^“”]*”',
        '„[^„“”]*[“”]',
        '«[^«»]*»',
        String.raw`(?<![\p{L}\p{N}])['‘](?:[^'‘’]|(?<=\p{L})['’](?=\p{L}))*['’](?![\p{L}\p{N}])`,
        String.raw`(?<![^\s([{:=,])"[^"]*$`,
    ].join('|'),
    'gu',
);
const PERHAPS_QUOTED = /["'`“„«‘]/;

/** Where JSON begins in a message: an error's answer, as most targets give it. */
const JSON_BEGINS = /[{[] ?["{[]/;
/** A text of JSON, its end if it has one, and a colon where it is a name. */
const JSON_TEXT = /"((?:[^"\\]|\\.)*)("?)( ?:)?/gu;
const JSON_ESCAPE = /\\(?:u([0-9a-fA-F]{4})|(.))/gu;
/** Names under which an answer says what is wrong, in lower case and without signs. What stands under others is somebody's data. */
const telling = new Set([
    ...['error', 'errors', 'errorcode', 'errormessage', 'errordescription', 'errortype', 'errormsg', 'err'],
    ...['message', 'messages', 'msg', 'code', 'codes', 'reason', 'reasons', 'reasoncode', 'reasonphrase', 'detail', 'details', 'title'],
    ...['description', 'type', 'kind', 'cause', 'exception', 'exceptiontype', 'exceptionmessage', 'fault', 'faultcode', 'faultstring'],
    ...['status', 'statuscode', 'statustext', 'problem', 'problems', 'warning', 'text'],
]);

/** A URL may hold quotes, which are taken out by then. */
const URLS = /[A-Za-z][A-Za-z\d+.-]{0,19}:\/\/[^\s"<>`“”]*/g;
/** As HTTP has it: other forms of time have a digit in each word. */
const HTTP_DATE = /\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT\b/g;

// What the signs of ASCII are; all others are letters but these.
const APART = 1;
const TELLING = 2;
const BEYOND_ASCII = new Set('“”„«»‘…\uE000\uE001\uE002\uE003\uE004');
const signs = new Uint8Array(128);
for (const sign of ' "`(){}[]<>,;=|&?') signs[sign.charCodeAt(0)] = APART;
for (const sign of '0123456789:@') signs[sign.charCodeAt(0)] = TELLING;
const signAt = (text: string, at: number): number => {
    const code = text.charCodeAt(at);
    if (code < 128) return signs[code]!;
    return BEYOND_ASCII.has(text[at]!) ? APART : TELLING;
};

const DIGIT = /\p{Nd}/u;
const EMAIL_ADDRESS = /^[^@]+@[^@]+$/;
const TIME_OF_DAY = /^\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?Z?$/;
const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?(?:\/.*)?$/;
const IPV6 = /^[\da-f.]{0,15}(?::[\da-f.]{0,15}){2,}(?:%\w+)?(?:\/\d+)?$/i;
const HOST_AND_PORT = /^(?:localhost|(?:[\w-]+\.)+[a-z][\w-]*):\d{1,5}(?:\/.*)?$/i;
const UUID = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/i;
/** Base64 of some length may hold a slash, and is no path. */
const BASE64 = /^[A-Za-z\d+][A-Za-z\d+/]{15,}$/;
/** A word shorter than this is one, whatever its letters. */
const ID_LETTERS = 16;

/** An IPv6 address with a port stands in brackets. */
const IN_BRACKETS = new RegExp(String.raw`\[${ADDRESS}\](?::${NUMBER})?`, 'g');
/** Several of one sort, such as a list of ids or the parts of a time, are one. */
const LISTS = new RegExp(`([${MARKS}])(?:[ ,;:]+\\1)+`, 'g');
const ALL_MARKS = new RegExp(`[${MARKS}]`, 'g');

/** At most 120 UTF-16 units. `#` stands for a number or an id, `"…"` for a quote, `<url>`, `<address>` and `<email>` for these. */
export function messagePattern(message: string): string {
    const cut = cutText(message, LOOKED_AT);
    const text = PERHAPS_BLANKS.test(cut) ? cut.replace(BLANKS, ' ') : cut;
    const json = text.search(JSON_BEGINS);
    let left = json < 0 ? withoutQuotes(text) : withoutQuotes(text.slice(0, json)) + ofJson(text.slice(json));
    if (left.includes('://')) left = left.replace(URLS, URL);
    if (left.includes(' GMT')) left = left.replace(HTTP_DATE, NUMBER);
    left = withoutIds(left);
    if (left.includes(`[${ADDRESS}`)) left = left.replace(IN_BRACKETS, ADDRESS);
    const pattern = left.replace(LISTS, '$1').replace(ALL_MARKS, (mark) => shownAs[mark]!);
    return cutText(pattern.trim(), PATTERN_CHARACTERS);
}

const withoutQuotes = (text: string): string => (PERHAPS_QUOTED.test(text) ? text.replace(QUOTED, QUOTE) : text);

/** Everything in JSON is quoted: its names stay, and what stands under those that tell of errors. */
function ofJson(text: string): string {
    let isTelling = false;
    return text.replace(JSON_TEXT, (_all, inside: string, end: string, colon: string | undefined) => {
        if (colon !== undefined) {
            isTelling = telling.has(inside.replace(/[ _-]/g, '').toLowerCase());
            return `"${inside}"${colon}`;
        }
        return isTelling ? `"${withoutQuotes(unescaped(inside))}${end}` : QUOTE;
    });
}

function unescaped(text: string): string {
    if (!text.includes('\\')) return text;
    const plain = text.replace(JSON_ESCAPE, (_all, hex: string | undefined, sign: string | undefined) => {
        if (hex !== undefined) return String.fromCharCode(parseInt(hex, 16));
        return 'bfnrt'.includes(sign!) ? ' ' : sign!;
    });
    return plain.replace(BLANKS, ' ');
}

/** Looks at what stands between blanks, brackets and the like: words of letters alone, unless they are very long, stay as they are. */
function withoutIds(text: string): string {
    let out = '';
    let kept = 0;
    for (let at = 0; at < text.length; at++) {
        let sign = signAt(text, at);
        if (sign === APART) continue;
        const from = at;
        let isTelling = false;
        for (; at < text.length && sign !== APART; sign = signAt(text, ++at)) if (sign === TELLING) isTelling = true;
        if (!isTelling && at - from < ID_LETTERS) continue;
        const word = text.slice(from, at);
        const found = wordOf(word);
        if (found === word) continue;
        // The signs that base64 may end with.
        let end = at;
        while (end < at + 2 && text[end] === '=') end++;
        if (found !== NUMBER || (end < text.length && signAt(text, end) !== APART)) end = at;
        out += text.slice(kept, from) + found;
        kept = end;
    }
    return kept === 0 ? text : out + text.slice(kept);
}

function wordOf(word: string): string {
    const end = endOf(word);
    const bare = word.slice(0, end);
    const hasColon = bare.includes(':');
    if (hasColon && TIME_OF_DAY.test(bare)) return NUMBER + word.slice(end);
    if (hasColon && IPV6.test(bare)) return ADDRESS + word.slice(end);
    if (bare.includes('@') && EMAIL_ADDRESS.test(bare)) return EMAIL + word.slice(end);
    if (DIGIT.test(bare)) {
        if (bare.includes('.') || hasColon) if (IPV4.test(bare) || HOST_AND_PORT.test(bare)) return ADDRESS + word.slice(end);
        if (bare.length >= ID_LETTERS && isBase64(bare)) return NUMBER + word.slice(end);
    } else if (bare.length < ID_LETTERS) return word;
    // A path's other parts say what was called, and those of user:42 what it is.
    if (!hasColon && !bare.includes('/')) return (isId(bare) ? NUMBER : bare) + word.slice(end);
    return bare.replace(/[^/:]+/g, (part) => (isId(part) ? NUMBER : part)) + word.slice(end);
}

/** Where the signs behind a word begin. Two colons may be the end of an address. */
function endOf(word: string): number {
    let end = word.length;
    while (end > 0 && '.!:'.includes(word[end - 1]!) && !(word[end - 1] === ':' && word[end - 2] === ':')) end--;
    return end;
}

const isBase64 = (text: string): boolean => BASE64.test(text) && /[A-Z]/.test(text) && /[a-z]/.test(text);

const isId = (text: string): boolean => DIGIT.test(text) || (text.length >= ID_LETTERS && (UUID.test(text) || isScrambled(text)));

/** Letters that change between upper and lower case more often than a name of several words does. */
function isScrambled(text: string): boolean {
    if (!/^[A-Za-z_+-]+$/.test(text)) return false;
    let changes = 0;
    for (let i = 1; i < text.length; i++) if (text[i]! < 'a' !== text[i - 1]! < 'a') changes++;
    return changes >= text.length * 0.4;
}
