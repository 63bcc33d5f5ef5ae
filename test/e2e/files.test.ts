// What people's files hold reaches the target, the results and the item view as it is written.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { api, body, ended, expectConserved, post, results, run, upload, useHost } from './support';

useHost();

test('the digits of a JSON array reach key, URL, body, export and the item view', async () => {
    const calls: [string, string | undefined, string][] = [];
    const server = http.createServer((req, res) => {
        const chunks: Buffer[] = [];
        req.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
            const text = Buffer.concat(chunks).toString();
            calls.push([req.url!, String(req.headers['idempotency-key']).split(':')[1], text]);
            res.setHeader('content-type', 'application/json');
            res.end(text);
        });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
        const ids = ['9007199254740992', '9007199254740993', '1.10', '1e5', '1e400', '-0'];
        const items = ids.map((id) => `{"id":${id},"n":[${id}]}`);
        const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x/{id}`;
        const source = { upload: await upload(`[\n  ${items.join(',\n  ')}\n]\n`, 'numbers.json') };
        const j = await run({ source, process: { http: { url } }, key: 'id' });
        expect(j).toMatchObject({ state: 'completed', counts: { succeeded: ids.length } });
        expect(calls.sort()).toEqual(ids.map((id, i) => [`/x/${id}`, id, items[i]]).sort());
        const csv = await (await api(`/jobs/${j.id}/results?format=csv&order=input`)).text();
        for (const [i, id] of ids.entries()) {
            expect(csv.split('\r\n')[i + 1]).toMatch(`${i},${id},succeeded,`);
            expect(csv.split('\r\n')[i + 1]).toContain(items[i]!.replaceAll('"', '""'));
            expect(await (await api(`/jobs/${j.id}/items/${i}`)).text()).toContain(`"item":${items[i]}`);
        }
    } finally {
        server.close();
    }
});

test('a spreadsheet with rows of only commas and short rows is worked as the spec says', async () => {
    const file = '\ufeffid,name\r\n1,Lyon\r\n2\r\n,\r\n,\r\n';
    const source = { upload: await upload(file, 'table.txt'), format: 'csv' };
    const refused = await run({ source, process: { processor: 'digest' } });
    expect(refused).toMatchObject({ state: 'failed', error: { code: 'SOURCE_INVALID' }, counts: { invalid: 3 } });
    const read = { ...source, csv: { emptyRows: 'skip', shortRows: 'fill' } };
    const j = await run({ source: read, process: { processor: 'digest' }, key: 'id' });
    expect(j).toMatchObject({ state: 'completed', counts: { total: 2, succeeded: 2, invalid: 0 } });
    await expectConserved(j);
    expect((await results(j.id, '?order=input')).map((o) => o.key)).toEqual(['1', '2']);
    expect((await body(api(`/jobs/${j.id}/items/1`))).item).toEqual({ id: '2', name: '' });
});

test('a file whose name does not tell its format is asked for it', async () => {
    for (const name of ['a.tsv', 'a.txt']) {
        const source = { upload: await upload('id\n1\n', name) };
        const answer = await post('/jobs', { source, process: { processor: 'digest' } });
        expect([answer.status, (await body(answer)).errors[0].pointer]).toEqual([400, '/source/format']);
        const { id } = await body(post('/jobs', { source: { ...source, format: 'csv' }, process: { processor: 'digest' } }));
        expect(await ended(id)).toMatchObject({ state: 'completed', counts: { total: 1 } });
    }
});
