// How the items of a job are cut into partitions while they are written.
import * as fc from 'fast-check';
import { partitionsOf } from '../../../src/core/canary';
import { ItemsWriter } from '../../../src/storage/itemsWriter';
import type { JobStore } from '../../../src/storage/jobStore';
import { runs } from '../../support/runs';

const store = {
    container: { getBlockBlobClient: () => ({ stageBlock: async () => undefined, commitBlockList: async () => undefined }) },
} as unknown as JobStore;

async function cut(items: number, perPartition: number, behind?: number) {
    const writer = new ItemsWriter(store, 'items', perPartition, behind);
    for (let i = 0; i < items; i++) writer.add(`{"i":${i}}`);
    await writer.commit();
    return writer.partitions;
}

test('a partition ends behind the canary, and the next begins there', async () => {
    expect((await cut(12, 5, 3)).map(({ items, firstIndex }) => [firstIndex, items])).toEqual([
        [0, 3],
        [3, 5],
        [8, 4],
    ]);
    // Without one, they are of one size.
    expect((await cut(12, 5)).map(({ items }) => items)).toEqual([5, 5, 2]);
});

test('the partitions of a canary hold its items and no others, and together all of them hold each item once', async () => {
    const sizes = fc.record({
        items: fc.integer({ min: 1, max: 60 }),
        perPartition: fc.integer({ min: 1, max: 20 }),
        canary: fc.integer({ min: 1, max: 70 }),
    });
    await fc.assert(
        fc.asyncProperty(sizes, async ({ items, perPartition, canary }) => {
            const partitions = await cut(items, perPartition, canary);
            let index = 0;
            let offset = 0;
            for (const partition of partitions) {
                expect([partition.firstIndex, partition.offset]).toEqual([index, offset]);
                expect(partition.items).toBeGreaterThan(0);
                expect(partition.items).toBeLessThanOrEqual(perPartition);
                index += partition.items;
                offset += partition.bytes;
            }
            expect(index).toBe(items);
            const own = Math.min(canary, items);
            const first = partitions.slice(0, partitionsOf(partitions, own));
            expect(first.reduce((n, partition) => n + partition.items, 0)).toBe(own);
        }),
        { numRuns: runs(200) },
    );
});
