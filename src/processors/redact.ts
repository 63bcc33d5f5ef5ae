// A target may echo what it was sent. The values of a job's secrets are taken out of what it answers before any of that is kept, shown or logged.

import { MIN_SECRET_LENGTH } from '../core/secrets';

export const REDACTED = '[redacted]';

export interface Redactor {
    /** The text without any of the secrets; the same text when it holds none. */
    (text: string): string;
    /** Length of the longest form in which a secret is looked for, in UTF-16 units. */
    readonly longest: number;
}

/** What may stand at one place of a form: a text, and the pattern for others that mean it. */
interface Place {
    /** As it usually stands there. */
    text: string;
    pattern: string;
    /** Length of the longest of them. */
    longest: number;
}

/**
 * Looks for each secret as it is, escaped as in JSON, percent-encoded, in hex, and in base64 wherever it may begin in what was encoded. Any of its
 * characters may be percent-encoded or not, for no two encoders agree on which.
 */
export function redactor(secrets: string[]): Redactor | null {
    const wanted = [...new Set(secrets.flatMap(withCredentials).filter((s) => s.length >= MIN_SECRET_LENGTH))];
    if (wanted.length === 0) return null;
    const redact = wanted.reduce((sum, s) => sum + s.length, 0) > MAX_IN_PATTERN ? byText(wanted) : byPattern(wanted);
    const lengths = wanted.flatMap(formsOf).map((places) => places.reduce((sum, place) => sum + place.longest, 0));
    return Object.assign(redact, { longest: lengths.reduce((a, b) => Math.max(a, b)) });
}

/** Characters of secrets that are looked for by one pattern; of one some times larger, V8 says that its stack overflows. */
const MAX_IN_PATTERN = 2048;

// The longest first: a form may begin with another.
const longestFirst = (forms: string[]): string[] => [...new Set(forms)].sort((a, b) => b.length - a.length);

function byPattern(secrets: string[]): (text: string) => string {
    const forms = secrets.flatMap(formsOf).map((places) => places.map((place) => place.pattern).join(''));
    const pattern = new RegExp(longestFirst(forms).join('|'), 'g');
    return (text) => text.replace(pattern, REDACTED);
}

/** For very long secrets: in each form as the usual encoders write it. */
function byText(secrets: string[]): (text: string) => string {
    const forms = longestFirst(
        secrets.flatMap((secret) => {
            const written = formsOf(secret).map((places) => places.map((place) => place.text).join(''));
            const percent = encodeURIComponent(Buffer.from(secret).toString());
            const lower = percent.replace(/%../g, (hex) => hex.toLowerCase());
            return [
                ...written.flatMap((form) => [form, form.replaceAll('/', '\\/'), form.replaceAll('+', '-').replaceAll('/', '_')]),
                ...[percent, lower].flatMap((form) => [form, form.replaceAll('%20', '+')]),
            ];
        }),
    );
    return (text) => forms.reduce((left, form) => left.replaceAll(form, REDACTED), text);
}

/** Of `Bearer TOKEN` the token too: a target says "the token TOKEN is not valid". Of `Basic …` what it encodes, and the password in it. */
function withCredentials(secret: string): string[] {
    const credentials = /^[!-~]+ +(\S+)$/.exec(secret)?.[1];
    if (credentials === undefined) return [secret];
    if (!/^basic /i.test(secret)) return [secret, credentials];
    const pair = Buffer.from(credentials, 'base64').toString('utf8');
    const colon = pair.indexOf(':');
    return colon < 0 ? [secret, credentials] : [secret, credentials, pair, pair.slice(colon + 1)];
}

function formsOf(secret: string): Place[][] {
    const bytes = Buffer.from(secret);
    // A header carries the characters up to 0xff as single bytes.
    const sent = Buffer.from(secret, 'latin1');
    if (bytes.equals(sent)) return [...textForms(secret), ...hexForms(bytes), ...base64Forms(bytes)];
    return [
        ...textForms(secret),
        ...textForms(sent.toString('utf8')),
        ...[bytes, sent].flatMap((b) => [...hexForms(b), ...base64Forms(b)]),
    ];
}

const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');

function place(texts: string[], percents: string[]): Place {
    // In a set: most characters have one way to be written beside their percent-encoding.
    const ways = [
        ...new Set([...texts.map(literal), ...percents.map((hex) => hex.replace(/[A-F]/g, (digit) => `[${digit}${digit.toLowerCase()}]`))]),
    ];
    return {
        text: texts[0]!,
        pattern: ways.length === 1 ? ways[0]! : `(?:${ways.join('|')})`,
        longest: Math.max(...[...texts, ...percents].map((t) => t.length)),
    };
}

const percentOf = (bytes: Buffer): string => bytes.toString('hex').toUpperCase().replace(/../g, '%$&');

/** As it is, and as JSON has it. Not both in one: backslashes could be read in so many ways that a text of them would be looked at for ever. */
const textForms = (text: string): Place[][] => [
    [...text].map((character) => placeOf(character, character === ' ' ? [' ', '+'] : [character])),
    [...text].map((character) => placeOf(character, character === '/' ? ['/', '\\/'] : [JSON.stringify(character).slice(1, -1)])),
];

function placeOf(character: string, texts: string[]): Place {
    const single = /^[\u0080-\u00ff]$/.test(character) ? [percentOf(Buffer.from(character, 'latin1'))] : [];
    return place(texts, [percentOf(Buffer.from(character)), ...single]);
}

/** In lower and in upper case: nobody mixes them. */
const hexForms = (bytes: Buffer): Place[][] => {
    const hex = bytes.toString('hex');
    return [hex, hex.toUpperCase()].map((text) => [...text].map((digit) => place([digit], [])));
};

/** The characters of base64 that hang on nothing but the secret, for each of the three places at which it may begin in a group of three bytes. */
function base64Forms(bytes: Buffer): Place[][] {
    return [0, 1, 2].map((before) => {
        const encoded = Buffer.concat([Buffer.alloc(before), bytes])
            .toString('base64')
            .replace(/=+$/, '');
        const first = Math.ceil((before * 8) / 6);
        const last = Math.floor(((before + bytes.length) * 8) / 6);
        return [...encoded.slice(first, last)].map((digit) => {
            if (digit === '+') return place(['+', '-'], ['%2B']);
            return digit === '/' ? place(['/', '_', '\\/'], ['%2F']) : place([digit], []);
        });
    });
}
