// Secrets that are planted to be looked for: no text holds one by chance.
import { randomBytes } from 'node:crypto';

export interface Canary {
    /** What it was planted as. */
    name: string;
    value: string;
}

/** `head`: what its value begins with. */
export const plant = (name: string, head = 'canary'): Canary => ({ name, value: `${head}-${randomBytes(18).toString('base64url')}` });

/** Each form that the canary may have been written in, as bytes; base64 wherever it may begin in what was encoded. */
export function formsOf({ value }: Canary): { form: string; bytes: Buffer }[] {
    const bytes = Buffer.from(value);
    const hex = bytes.toString('hex');
    const percent = hex.replace(/../g, '%$&');
    const escaped = hex.replace(/../g, '\\u00$&');
    const texts = {
        'as it is': value,
        'in hex': hex,
        'in HEX': hex.toUpperCase(),
        'percent-encoded': percent.toUpperCase(),
        'percent-encoded in lower case': percent,
        'escaped as in JSON': escaped,
        'escaped as in JSON in upper case': escaped.replace(/[a-f]/g, (digit) => digit.toUpperCase()),
        reversed: [...value].reverse().join(''),
        ...Object.fromEntries([0, 1, 2].map((before) => [`in base64, ${before} bytes in`, base64Core(bytes, before)])),
    };
    const forms = Object.entries(texts).flatMap(([form, text]) => [{ form, bytes: Buffer.from(text) }]);
    const wide = { form: 'in UTF-16', bytes: Buffer.from(value, 'utf16le') };
    const url = forms
        .filter(({ form, bytes: b }) => form.startsWith('in base64') && /[+/]/.test(b.toString()))
        .map(({ form, bytes: b }) => ({
            form: `${form}, for URLs`,
            bytes: Buffer.from(b.toString().replaceAll('+', '-').replaceAll('/', '_')),
        }));
    return [...forms, wide, ...url];
}

/** The characters of base64 that hang on nothing but the value, which begins so many bytes into a group of three. */
function base64Core(bytes: Buffer, before: number): string {
    const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    return encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
}
