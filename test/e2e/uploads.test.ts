// A file beyond what one request may carry, in resumable parts, with a connection that breaks off in the middle.
import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { settled } from '../support/fakeClock';
import { DEADLINE_MS, until } from '../support/until';
import { api, baseUrl, body, ended, keyHeader, post, results, start, useHost } from './support';

useHost();

const LINES = 400;
/** With all 400, the file has more than 300 MB. */
const PAD = 786_432;
const PART = 64 * 1024 * 1024;
const LONG = DEADLINE_MS * 5;

const letters = (i: number) =>
    createHash('sha256')
        .update(String(i))
        .digest('hex')
        .repeat(PAD / 64);
const line = (i: number) => Buffer.from(`{"id":${i},"pad":"${letters(i)}"}\n`);
const tus = { 'tus-resumable': '1.0.0' };

const offsetOf = async (id: string): Promise<number> =>
    Number((await api(`/uploads/${id}`, { method: 'HEAD', headers: tus })).headers.get('upload-offset'));

const patch = (id: string, offset: number, part: Buffer): Promise<Response> =>
    api(`/uploads/${id}`, {
        method: 'PATCH',
        headers: { ...tus, 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream' },
        body: new Uint8Array(part),
    });

/** Announces a part and hangs up before its end. */
const breakOff = (id: string, part: Buffer): Promise<void> =>
    new Promise((resolve) => {
        const sent = request(`${baseUrl()}/api/uploads/${id}`, {
            method: 'PATCH',
            headers: {
                ...tus,
                ...keyHeader(),
                'upload-offset': '0',
                'content-type': 'application/offset+octet-stream',
                'content-length': String(part.length),
            },
        });
        sent.on('error', () => undefined).on('close', resolve);
        sent.write(part.subarray(0, part.length / 2), () => sent.destroy());
    });

async function create(bytes: number, name: string): Promise<string> {
    const response = await api('/uploads', {
        method: 'POST',
        headers: {
            ...tus,
            'upload-length': String(bytes),
            'upload-metadata': `filename ${Buffer.from(name).toString('base64')}`,
        },
    });
    expect(response.status).toBe(201);
    return response.headers.get('location')!.split('/').at(-1)!;
}

test(
    'a file of 300 MB comes in parts, survives a broken connection, and every item of it is worked',
    async () => {
        const file = Buffer.concat(Array.from({ length: LINES }, (_, i) => line(i)));
        expect(file.length).toBeGreaterThan(300_000_000);
        const expected = Array.from({ length: LINES }, (_, i) => createHash('sha256').update(letters(i)).digest('hex'));
        // All that took seconds in which no connection was looked at: those that the host has closed are seen to be, before one is used again.
        await settled();
        const id = await create(file.length, 'large.ndjson');
        await breakOff(id, file.subarray(0, PART));

        const early = await post('/jobs', { source: { upload: id }, process: { processor: 'digest' } });
        expect(early.status).toBe(400);
        expect(await body(early)).toMatchObject({ code: 'BAD_SPEC', errors: [{ pointer: '/source/upload' }] });

        await until(
            async () => {
                const offset = await offsetOf(id);
                if (offset === file.length) return true;
                // A connection that broke, as one may that stood idle while this process was busy: the offset is asked for again, as every tus client does.
                const answer = await patch(id, offset, file.subarray(offset, offset + PART)).catch(() => null);
                if (!answer) return false;
                // 409: what was sent before the connection broke was still being written when the offset was asked for.
                expect([204, 409]).toContain(answer.status);
                return false;
            },
            () => 'the upload is not complete',
            LONG,
        );
        expect(await body(api(`/uploads/${id}`))).toMatchObject({ bytes: file.length, complete: true, name: 'large.ndjson' });
        expect((await patch(id, 0, Buffer.from('again'))).status).toBe(409);

        const job = await ended(
            (await start({ source: { upload: id }, process: { processor: 'digest', options: { of: 'pad' } } })).id,
            LONG,
        );
        expect(job).toMatchObject({ state: 'completed', outcome: 'succeeded', counts: { total: LINES, succeeded: LINES } });
        const digests = (await results(job.id, '?order=input')).map((o) => (o.output as { digest: string }).digest);
        expect(digests).toEqual(expected);

        expect((await api(`/uploads/${id}`, { method: 'DELETE', headers: tus })).status).toBe(204);
        expect((await api(`/uploads/${id}`)).status).toBe(404);
    },
    LONG * 2,
);
