// The lock that one local host has on a task hub, against a table in memory: what it takes for a loss, and what not.
import { RestError, TableClient } from '@azure/data-tables';
import { HubLock } from '../../devhost/lock';

type Row = Record<string, unknown> & { etag: string };

class MemoryTable {
    row: Row | null = null;
    loseNextAnswer = false;
    private version = 0;
    private readonly store = async (row: object) => {
        this.row = { ...row, etag: `v${++this.version}` };
        if (this.loseNextAnswer) {
            // The client repeats a request that got no answer, with the tag that is no longer that of the row.
            this.loseNextAnswer = false;
            throw new RestError('UpdateConditionNotSatisfied', { statusCode: 412 });
        }
        return { etag: this.row.etag };
    };
    createTable = async () => undefined;
    getEntity = async () => {
        if (!this.row) throw new RestError('ResourceNotFound', { statusCode: 404 });
        return this.row;
    };
    createEntity = this.store;
    updateEntity = async (row: object, _mode: string, { etag }: { etag: string }) => {
        if (this.row?.etag !== etag) throw new RestError('UpdateConditionNotSatisfied', { statusCode: 412 });
        return this.store(row);
    };
    deleteEntity = async () => void (this.row = null);
}

const BEAT = 5_000;
let table: MemoryTable;
let lost: { taken: jest.Mock; wentBack: jest.Mock };
let lock: HubLock;
beforeEach(async () => {
    jest.useFakeTimers();
    table = new MemoryTable();
    jest.spyOn(TableClient, 'fromConnectionString').mockReturnValue(table as unknown as TableClient);
    lost = { taken: jest.fn(), wentBack: jest.fn() };
    lock = await HubLock.take('', 'hub', lost);
});
afterEach(async () => {
    await lock.release();
    jest.useRealTimers();
    jest.restoreAllMocks();
});

test('beats every five seconds', async () => {
    const first = table.row!.beat as number;
    await jest.advanceTimersByTimeAsync(3 * BEAT);
    expect(table.row!.beat).toBe(first + 3 * BEAT);
    expect(lost.taken).not.toHaveBeenCalled();
    expect(lost.wentBack).not.toHaveBeenCalled();
});

test('a beat whose answer was lost is its own, and no sign that storage has lost something', async () => {
    table.loseNextAnswer = true;
    await jest.advanceTimersByTimeAsync(2 * BEAT);
    expect(lost.wentBack).not.toHaveBeenCalled();
    expect(table.row!.etag).toBe('v3');
});

test('a beat that storage is slow to take is not joined by a second', async () => {
    const update = table.updateEntity;
    let answer = (): void => undefined;
    const held = new Promise<void>((resolve) => (answer = resolve));
    let begun = 0;
    table.updateEntity = async (...sent) => {
        if (begun++ === 0) await held;
        return update(...sent);
    };
    await jest.advanceTimersByTimeAsync(4 * BEAT);
    expect(begun).toBe(1);
    answer();
    await jest.advanceTimersByTimeAsync(BEAT);
    expect(begun).toBe(2);
    expect(lost.wentBack).not.toHaveBeenCalled();
});

test('a row as it was before the last beat means that storage went back', async () => {
    const before = table.row!;
    await jest.advanceTimersByTimeAsync(BEAT);
    table.row = { ...before, etag: 'old' };
    await jest.advanceTimersByTimeAsync(BEAT);
    expect(lost.wentBack).toHaveBeenCalled();
});

test('no row at all means so too', async () => {
    table.row = null;
    await jest.advanceTimersByTimeAsync(BEAT);
    expect(lost.wentBack).toHaveBeenCalled();
});

test('a row of another host that lives means that the hub is taken', async () => {
    table.row = { ...table.row!, machine: 'another', etag: 'x' };
    await jest.advanceTimersByTimeAsync(BEAT);
    expect(lost.taken).toHaveBeenCalled();
});
