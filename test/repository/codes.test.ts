// docs/codes.md and the catalogue say the same of every code, row by row; what is not in the catalogue does not compile.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as catalogue from '../../src/core/codes';

const read = (file: string): string => readFileSync(path.resolve(__dirname, '../../docs', file), 'utf8');
const page = read('codes.md');

const sections = {
    'Of an item': catalogue.itemCodes,
    'Of a job': catalogue.jobCodes,
    'Of a row': catalogue.rowCodes,
    'Of waiting': catalogue.waitingCodes,
    'Of verification': catalogue.findingCodes,
};

/** The rows of the table below a heading, as code, meaning and remedy. */
function rowsBelow(heading: string): string[][] {
    const from = page.indexOf(`## ${heading}\n`);
    expect([heading, from >= 0]).toEqual([heading, true]);
    const to = page.indexOf('\n## ', from + 1);
    return [...page.slice(from, to < 0 ? undefined : to).matchAll(/^\| `(\w+)` \| (.*) \| (.*) \|$/gm)].map((m) => m.slice(1));
}

test.each(Object.entries(sections))('%s: the page has each code with its meaning and what to do, and no other', (heading, codes) => {
    const entries: [string, { means: string; remedy: string }][] = Object.entries(codes);
    expect(rowsBelow(heading)).toEqual(entries.map(([code, { means, remedy }]) => [code, means, remedy]));
});

test('every code can be given: something in src/ says it', () => {
    const src = path.resolve(__dirname, '../../src');
    const source = readdirSync(src, { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts') && !file.endsWith(path.join('core', 'codes.ts')))
        .map((file) => readFileSync(path.join(src, file), 'utf8'))
        .join('\n');
    for (const codes of [...Object.values(sections), catalogue.problemCodes])
        for (const code of Object.keys(codes)) expect([code, source.includes(`'${code}'`)]).toEqual([code, true]);
});

test('the page has no other section of codes', () => {
    expect([...page.matchAll(/^## (.*)$/gm)].map((m) => m[1])).toEqual(Object.keys(sections));
});

test('every meaning and remedy is a sentence', () => {
    for (const codes of Object.values(sections))
        for (const [code, { means, remedy }] of Object.entries(codes))
            for (const text of [means, remedy]) expect([code, text]).toEqual([code, expect.stringMatching(/^[A-Z`].*\.$/) as string]);
});

test('codes of requests stand in api.md with their status, title and remedy, and no others do', () => {
    const rows = [...read('api.md').matchAll(/^\| `(\w+)` \| (\d{3}) \| (.*) \| .* \|$/gm)].map((m) => [m[1], Number(m[2]), m[3]]);
    expect(rows).toEqual(Object.entries(catalogue.problemCodes).map(([code, { status, title }]) => [code, status, title]));
});

test('whatever page names a code in the first cell of a row names one of the catalogue', () => {
    const known = [...Object.values(sections), catalogue.problemCodes].flatMap((codes) => Object.keys(codes));
    const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];
    const told = ['api.md', 'job-spec.md', 'operate.md'].flatMap((file) =>
        [...read(file).matchAll(/^\| ([^|]*)\|/gm)].flatMap((m) =>
            [...m[1]!.matchAll(/`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*)`/g)].map((c) => c[1]!),
        ),
    );
    expect(told.length).toBeGreaterThan(20);
    for (const code of told) if (!methods.includes(code)) expect(known).toContain(code);
});
