// Uploads against real blob storage (Azurite), with a commit that storage carries out twice.
import { Readable } from 'node:stream';
import { BlockBlobClient } from '@azure/storage-blob';
import type { JobStore } from '../../src/storage/jobStore';
import { readUpload, storeWhole } from '../../src/storage/uploads';
import { startStore } from '../support/blobStorage';

let store: JobStore;
let stop: (() => Promise<void>) | undefined;

beforeAll(async () => {
    ({ store, stop } = await startStore());
}, 60_000);
afterAll(() => stop?.());
afterEach(() => jest.restoreAllMocks());

const body = () => Readable.from([Buffer.from('{"id":1}\n')]);
const commitOf = (): BlockBlobClient['commitBlockList'] => Reflect.get(BlockBlobClient.prototype, 'commitBlockList');

test('a commit that storage carries out late, after its repeat, changes nothing: neither name nor version', async () => {
    const commit = commitOf();
    let late: () => Promise<unknown> = async () => undefined;
    jest.spyOn(BlockBlobClient.prototype, 'commitBlockList').mockImplementation(function (this: BlockBlobClient, ...sent) {
        late = () => commit.apply(this, sent);
        return commit.apply(this, sent);
    });
    const { id } = (await storeWhole(store, body(), 'items.ndjson'))!;
    const before = await readUpload(store, id);
    expect(before).toMatchObject({ name: 'items.ndjson', bytes: 9, complete: true, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    await expect(late()).rejects.toMatchObject({ statusCode: 409 });
    expect(await readUpload(store, id)).toEqual(before);
});

test('a commit whose answer was lost, and whose repeat is refused, has stored the upload', async () => {
    const commit = commitOf();
    jest.spyOn(BlockBlobClient.prototype, 'commitBlockList').mockImplementation(async function (this: BlockBlobClient, ...sent) {
        await commit.apply(this, sent);
        return commit.apply(this, sent);
    });
    const stored = (await storeWhole(store, body(), 'items.ndjson'))!;
    expect(await readUpload(store, stored.id)).toMatchObject({ name: 'items.ndjson', sha256: stored.sha256 });
});

test('an empty upload leaves nothing', async () => {
    expect(await storeWhole(store, Readable.from([]), 'empty.csv')).toBeNull();
});
