// What a test file has used of the API document, kept until all files have run.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { repository } from './document';
import type { Uses } from './uses';

export interface UsesRecord {
    /** Digest of the document that it is of. */
    document: string;
    /** Digest of the test file, as it was when it ran. */
    test: string;
    uses: string[];
}

const tests = path.join(repository, 'test');

/** Of a test file, named below test/: `e2e/jobs.test.ts`. */
const recordOf = (file: string): string => path.join(repository, '.fanfold/api-coverage', file.replace('.test.ts', '.json'));

export const digestOf = (file: string): string =>
    createHash('sha256')
        .update(readFileSync(path.join(tests, file)))
        .digest('hex');

export function writeRecord(testPath: string, document: string, uses: Uses): void {
    const file = path.relative(tests, testPath).split(path.sep).join('/');
    const record: UsesRecord = { document, test: digestOf(file), uses: [...uses].sort() };
    mkdirSync(path.dirname(recordOf(file)), { recursive: true });
    writeFileSync(recordOf(file), JSON.stringify(record, null, 2));
}

/** Null where the file has left none. */
export function readRecord(file: string): UsesRecord | null {
    try {
        return JSON.parse(readFileSync(recordOf(file), 'utf8')) as UsesRecord;
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw error;
    }
}
