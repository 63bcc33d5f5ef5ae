// GET /openapi.json: the API document, which the build has put beside this file.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Handler } from './http/frame';

/** The document and what names it. */
interface Kept {
    text: string;
    etag: string;
}

/** Answers with the document in a file, which is read at the first request and does not change while the app runs. */
export function documentHandler(file: string): Handler {
    let kept: Promise<Kept> | null = null;
    return async (request) => {
        // A file that could not be read is looked for again: nothing is kept of that.
        kept ??= read(file).catch((error: unknown) => {
            kept = null;
            throw error;
        });
        const { text, etag } = await kept;
        const headers = { 'cache-control': 'public, max-age=300', etag };
        if (isNamed(request.headers.get('if-none-match'), etag)) return { status: 304, headers };
        return { status: 200, headers: { ...headers, 'content-type': 'application/json' }, body: text };
    };
}

async function read(file: string): Promise<Kept> {
    const text = await readFile(file, 'utf8');
    return { text, etag: `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"` };
}

/** Whether the header names this version: the comparison is weak, for what stands between may have compressed the answer (RFC 9110). */
const isNamed = (header: string | null, etag: string): boolean =>
    header !== null && header.split(',').some((name) => ['*', etag].includes(name.trim().replace(/^W\//, '')));

export const getOpenApi = documentHandler(path.join(__dirname, 'openapi.json'));
