// GET /openapi.json: the document as it stands in a file, and its name for whoever has it already.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { documentHandler } from '../../../src/api/getOpenApi';
import { rootOf } from '../../../src/api/http/frame';

let folder: string;
beforeAll(() => (folder = mkdtempSync(path.join(os.tmpdir(), 'fanfold-openapi-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ask = (handler: ReturnType<typeof documentHandler>, headers: Record<string, string> = {}) =>
    handler({ headers: new Headers(headers) } as never, {} as never) as Promise<{
        status: number;
        headers: Record<string, string>;
        body?: string;
    }>;

test('it is JSON that may be kept for some minutes, and 304 for whoever names it', async () => {
    const file = path.join(folder, 'openapi.json');
    writeFileSync(file, '{"openapi":"3.1.1"}');
    const handler = documentHandler(file);
    const { status, headers, body } = await ask(handler);
    expect([status, body]).toEqual([200, '{"openapi":"3.1.1"}']);
    expect(headers).toEqual({
        'content-type': 'application/json',
        'cache-control': 'public, max-age=300',
        etag: expect.stringMatching(/^"[\w-]{22}"$/),
    });
    for (const named of [headers.etag!, `W/${headers.etag}`, `"other", ${headers.etag}`, '*'])
        expect(await ask(handler, { 'if-none-match': named })).toEqual({
            status: 304,
            headers: { 'cache-control': 'public, max-age=300', etag: headers.etag },
        });
    expect((await ask(handler, { 'if-none-match': '"other"' })).status).toBe(200);
});

test('a document that is not there is an error, and found when it is', async () => {
    const file = path.join(folder, 'later.json');
    const handler = documentHandler(file);
    await expect(ask(handler)).rejects.toThrow('ENOENT');
    writeFileSync(file, '{}');
    expect((await ask(handler)).body).toBe('{}');
});

test('it is a root of links', () => {
    expect(rootOf({ url: 'http://host/v1/api/openapi.json' })).toBe('/v1/api');
    expect(rootOf({ url: 'http://host/v1/api/Jobs' })).toBe('/v1/api');
});
