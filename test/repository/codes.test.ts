// The docs' catalogue of codes: each that the app can give is explained there, and each that stands there can be given.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { catalogue } from '../../src/core/errors';

const root = path.resolve(__dirname, '../..');
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const source = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => read(path.join('src', file)))
    .join('\n');

const CODE = '[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*';
/** Words in capitals that the program writes as texts. */
const words = new Set([...source.matchAll(new RegExp(`'(${CODE})'`, 'g'))].map((m) => m[1]!));
/** Those that are no code of anything that the app tells, each kind with what it is. */
const noCodes: Record<string, string[]> = {
    'methods of HTTP': ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
    durations: ['PT1S', 'PT30S', 'PT5M', 'PT10M'],
    'what a message is about': ['URL'],
    'comparators of an expression, and the mark of an error that has no code': ['EQ', 'NE', 'LT', 'LTE', 'GT', 'GTE', 'EXPRESSION'],
    'codes of Node': ['ERR_ASSERTION', 'ERR_BUFFER_TOO_LARGE', 'HPE_CLOSED_CONNECTION', 'HPE_INVALID_EOF_STATE'],
    'a failed item whose line has no error, which none has': ['UNKNOWN'],
    'storage that is away: told as STORAGE in `waiting`, and waited for': ['STORAGE_AWAY'],
};
const excepted = Object.values(noCodes).flat();
const codes = [...new Set([...words, ...Object.keys(catalogue)])].filter((word) => !excepted.includes(word)).sort();

const api = read('docs/api.md');
const jobSpec = read('docs/job-spec.md');
const inBackticks = (text: string): string[] => [...text.matchAll(new RegExp(`\`(${CODE})\``, 'g'))].map((m) => m[1]!);
/** The codes in a sentence that begins so, up to the next empty line. */
function listed(beginning: string): string[] {
    const from = api.indexOf(beginning);
    expect([beginning, from >= 0]).toEqual([beginning, true]);
    return inBackticks(api.slice(from, api.indexOf('\n\n', from)));
}
/** The codes in the first cell of each row of the pages' tables. */
const inRows = (...pages: string[]): string[] =>
    pages.flatMap((page) => [...page.matchAll(/^\| ([^|]*)\|/gm)].flatMap((m) => inBackticks(m[1]!)));
const ofProblems = [...api.matchAll(/^\| `(\w+)` \| \d{3} \|/gm)].map((m) => m[1]!);
const ofItems = 'Codes in `error` of an item:';
const sentences = [ofItems, 'Codes in `error` of a job:', 'Codes of rows at', '`{code, message, part?, index?}`'];

test('what is excepted is there', () => {
    for (const word of excepted) expect([word, source.includes(`'${word}'`)]).toEqual([word, true]);
    expect(codes.length).toBeGreaterThan(70);
});

test.each(codes)('%s stands in the docs', (code) => {
    expect([...ofProblems, ...sentences.flatMap(listed), ...listed('| `waiting`   |')]).toContain(code);
});

test('every code of the docs can be given', () => {
    const methods = noCodes['methods of HTTP']!;
    const told = [...sentences.flatMap(listed), ...inRows(api, jobSpec, read('docs/operate.md'))];
    for (const code of new Set(told)) if (!methods.includes(code)) expect(codes).toContain(code);
});

test('every code of an item is explained, or says itself what it is', () => {
    const explained = [...inRows(jobSpec), ...inBackticks(jobSpec.slice(jobSpec.indexOf('### Secrets'), jobSpec.indexOf('## Bad rows')))];
    const ofProcessors = ['INVALID_ITEM', 'PROCESSOR_ERROR', 'PROCESSOR_FATAL', 'PROCESSOR_MISSING', 'BAD_RESULT', 'POISON'];
    for (const code of listed(ofItems)) expect([...explained, ...ofProcessors]).toContain(code);
});
