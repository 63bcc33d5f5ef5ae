// The API document holds nothing that no test has used. Runs after all others, whose records it adds up (test/support/apiDocument/records.ts).
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { idleExceptions, unusedOf } from '../support/apiDocument/coverage';
import { apiDocument, repository } from '../support/apiDocument/document';
import { digestOf, readRecord } from '../support/apiDocument/records';
import { documentedUses } from '../support/apiDocument/uses';
import { exceptions } from './exceptions';

/** Files whose every request is held against the document. */
const files = readdirSync(path.join(repository, 'test'), { recursive: true, encoding: 'utf8' })
    .map((file) => file.split(path.sep).join('/'))
    .filter((file) => file.endsWith('.test.ts'))
    .filter((file) => /^(useHost|holdDocument)\(/m.test(readFileSync(path.join(repository, 'test', file), 'utf8')))
    .sort();

const document = apiDocument();
const documented = documentedUses(document);

test('every end-to-end test is held against the document', () => {
    const all = readdirSync(path.join(repository, 'test/e2e'))
        .filter((file) => file.endsWith('.test.ts'))
        .map((file) => `e2e/${file}`);
    expect(files).toEqual(expect.arrayContaining(all));
});

test.each(files)('%s has run as it is, and against this document', (file) => {
    const record = readRecord(file);
    expect(record && { document: record.document, test: record.test }).toEqual({ document: document.digest, test: digestOf(file) });
});

test('nothing in the document is unused', () => {
    const used = new Set(files.flatMap((file) => readRecord(file)?.uses ?? []));
    expect(unusedOf(documented, used, exceptions)).toEqual([]);
});

test('exceptions are of what is documented, and shown by tests that are there', () => {
    expect(idleExceptions(documented, exceptions)).toEqual([]);
    expect(exceptions.map(({ shownBy }) => shownBy).filter((file) => !existsSync(path.join(repository, file)))).toEqual([]);
});
