// The API document as a text: what the code and the stored examples make of it.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { openApiDocument } from '../src/api/openapi/document';
import type { StoredExamples } from '../src/api/openapi/examples';

export const examplesFolder = (root: string): string => path.join(root, 'src/api/openapi/examples');
export const documentFile = (root: string): string => path.join(root, 'openapi.json');

/** What is stored of each operation. */
export function readExamples(root: string): Record<string, StoredExamples> {
    const folder = examplesFolder(root);
    const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
    return Object.fromEntries(
        files
            .sort()
            .map((file) => [path.basename(file, '.json'), JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as StoredExamples]),
    );
}

/** `root`: the folder of the project. */
export function documentText(root: string): string {
    const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { version: string };
    return `${JSON.stringify(openApiDocument(version, readExamples(root)), null, 2)}\n`;
}
