// The local host's own tables, when storage does not answer, or its answer is lost.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { RestError, type TransactionAction } from '@azure/data-tables';
import { emulatorConnection } from '../../devhost/azurite';
import { HubStore } from '../../devhost/durable/store';
import { hubTable } from '../../devhost/hubTable';

test('a request that is never answered is given up and made again', async () => {
    let asked = 0;
    const server = http.createServer((_req, res) => {
        if (++asked === 1) return;
        res.writeHead(200, { 'content-type': 'application/json' }).end('{"PartitionKey":"p","RowKey":"r","value":"1"}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
        const { port } = server.address() as AddressInfo;
        const table = hubTable(emulatorConnection({ blob: port, queue: port, table: port }), 'hub', 100);
        expect(await table.getEntity('p', 'r')).toMatchObject({ value: '1' });
        expect(asked).toBe(2);
    } finally {
        server.closeAllConnections();
        server.close();
    }
});

test('no line separator stands in a row: Azurite finds none in a transaction that has one', async () => {
    const rows: { value?: string }[] = [];
    const table = { upsertEntity: async (row: { value?: string }) => void rows.push(row) };
    const store = new (HubStore as unknown as new (...given: unknown[]) => HubStore)(table, null);
    await store.deliver('i', 'm-1', { answer: 'a\u2028b\u2029c' });
    expect(rows[0]!.value).not.toMatch(/[\u2028\u2029]/);
    expect(JSON.parse(rows[0]!.value!)).toEqual({ answer: 'a\u2028b\u2029c' });
});

describe('a transaction whose answer was lost', () => {
    type Row = Record<string, unknown> & { partitionKey: string; rowKey: string };
    const rows = new Map<string, Row>();
    /** What becomes of the next transaction: done, and refused when the client sends it again; or not done at all. */
    let next: 'answered' | 'lost' | 'refused' = 'answered';
    const gone = () => new RestError('ResourceNotFound', { statusCode: 404 });
    const table = {
        createTable: async () => undefined,
        upsertEntity: async (row: Row) => void rows.set(row.rowKey, row),
        getEntity: async (_partition: string, rowKey: string) => {
            const row = rows.get(rowKey);
            if (!row) throw gone();
            return row;
        },
        submitTransaction: async (actions: TransactionAction[]) => {
            if (next === 'refused') throw gone();
            for (const [kind, row] of actions as unknown as [string, Row][])
                if (kind === 'delete') rows.delete(row.rowKey);
                else rows.set(row.rowKey, row);
            if (next === 'lost') throw gone();
        },
    };
    let store: HubStore;
    beforeEach(async () => {
        rows.clear();
        next = 'answered';
        store = new (HubStore as unknown as new (...given: unknown[]) => HubStore)(table, null);
        await store.deliver('i', 'm-1', { n: 1 });
    });

    test('is done when what it put stands', async () => {
        next = 'lost';
        await store.commit('i', { put: [{ rowKey: 'i', value: { at: 2 } }], remove: ['m-1'] });
        expect([...rows.keys()]).toEqual(['i']);
    });

    test('is done when it only took away, and that is gone', async () => {
        next = 'lost';
        await store.commit('i', { remove: ['m-1'] });
        expect(rows.size).toBe(0);
    });

    test('is not done when something else stands there, or what it was to take away', async () => {
        await store.commit('i', {
            put: [
                { rowKey: 'i', value: { at: 1 } },
                { rowKey: 'h-0', value: [] },
            ],
        });
        next = 'refused';
        await expect(store.commit('i', { put: [{ rowKey: 'i', value: { at: 2 } }], remove: ['m-1'] })).rejects.toThrow('ResourceNotFound');
        await expect(store.commit('i', { remove: ['m-1'] })).rejects.toThrow('ResourceNotFound');
    });
});
