import * as fc from 'fast-check';
import { REDACTED, redactor } from '../../../src/processors/redact';

const secret = 'p@ss "word"/ü+Z9';
const redact = redactor([secret, 'another-secret'])!;

test.each([
    ['as it is', secret],
    ['in JSON', JSON.stringify(secret).slice(1, -1)],
    ['percent-encoded', encodeURIComponent(secret)],
    ['percent-encoded in lower case', encodeURIComponent(secret).replace(/%../g, (h) => h.toLowerCase())],
    ['in hex', Buffer.from(secret).toString('hex')],
    ['in hex in upper case', Buffer.from(secret).toString('hex').toUpperCase()],
    ['in a form', new URLSearchParams({ s: secret }).toString().slice(2).replaceAll('%40', '%40')],
])('a secret is taken out %s', (_how, form) => {
    expect(redact(`before ${form} after`)).not.toContain(form);
    expect(redact(`before ${form} after`)).toContain('after');
});

test('wherever it stands in what is encoded in base64, nothing is left of which it could be made', () => {
    fc.assert(
        fc.property(
            fc.string({ maxLength: 20 }),
            fc.string({ maxLength: 20 }),
            fc.constantFrom('base64', 'base64url'),
            (before, after, encoding) => {
                const encoded = Buffer.from(before + secret + after).toString(encoding);
                const left = redact(encoded);
                expect(left).toContain(REDACTED);
                expect(Buffer.from(left.replace(REDACTED, ''), 'base64').toString('latin1')).not.toContain('word');
            },
        ),
    );
});

test('other text stays as it is', () => {
    fc.assert(fc.property(fc.string(), (text) => expect(redact(text)).toBe(text)));
});

test('a job without secrets looks for nothing, and a short one is not looked for', () => {
    expect(redactor([])).toBeNull();
    expect(redactor(['short'])).toBeNull();
});

test.each([
    ['the credentials of a scheme', 'Bearer sk-live-AbCd/ef+gh', 'sk-live-AbCd/ef+gh'],
    ['the password of Basic', `Basic ${Buffer.from('ann:correct-horse').toString('base64')}`, 'correct-horse'],
    ['user and password of Basic', `basic ${Buffer.from('ann:correct').toString('base64')}`, 'ann:correct'],
    ['every sign percent-encoded', 'pa ss/word!(x)*1', 'pa+ss%2fword%21%28x%29%2A1'],
    ['some signs percent-encoded', 'pa ss/word12345', 'pa%20ss/word12345'],
    ['slashes escaped in base64', '~~~???>>>~~~???', Buffer.from('~~~???>>>~~~???').toString('base64').replaceAll('/', '\\/')],
    ['base64 percent-encoded', '~~~???>>>~~~???', encodeURIComponent(Buffer.from('~~~???>>>~~~???').toString('base64'))],
    ['the bytes of a header, read as utf-8', 'pässwörd-lang', Buffer.from('pässwörd-lang', 'latin1').toString('utf8')],
    ['the bytes of a header, percent-encoded', 'pässwörd-lang', 'p%E4ssw%f6rd-lang'],
])('taken out is %s', (_what, value, echo) => expect(redactor([value])!(`<${echo}>`)).toBe(`<${REDACTED}>`));

test('the bytes of a header in base64 are taken out', () => {
    expect(redactor(['pässwörd-lang'])!(Buffer.from('pässwörd-lang', 'latin1').toString('base64'))).toBe(`${REDACTED}w==`);
});

test.each(['\\', '/', '\\/', '%', '%25', '%5c', '+', ' ', '"', '\\"'])('a text full of %j is looked through once', (sign) => {
    const find = redactor([`${sign.repeat(60)}end`])!;
    const started = performance.now();
    for (const text of [sign, JSON.stringify(sign).slice(1, -1), '\\', '\\\\/', '%25', '%5C', `\\${sign}`]) find(text.repeat(2_000));
    expect(performance.now() - started).toBeLessThan(2_000);
});

test.each([3_001, 16_000])('a secret of %i characters is found too, whole and in its usual forms', (length) => {
    const long = Array.from({ length }, (_, i) => String.fromCharCode(33 + ((i * 7919 + (i >> 4)) % 94))).join('');
    const find = redactor([long, 'another-secret'])!;
    const base64 = Buffer.from(long).toString('base64').replace(/.?=*$/, '');
    for (const echo of [long, JSON.stringify(long).slice(1, -1), encodeURIComponent(long), base64, 'another-secret'])
        expect(find(`<${echo}>`).replace(/\][^\]]?>$/, ']>')).toBe(`<${REDACTED}>`);
});
