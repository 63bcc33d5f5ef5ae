// Writers of partitions for tests: what a test does not care about has a value.
import { PartitionWriter, slicePatience, type PartitionWriterOptions } from '../../src/activities/processSlice/partitionWriter';

export function newWriter(
    o: Pick<PartitionWriterOptions, 'store' | 'clock'> &
        Partial<Omit<PartitionWriterOptions, 'entry'>> & { items?: number; firstIndex?: number },
): PartitionWriter {
    const { items = 10, firstIndex = 0, ...given } = o;
    return new PartitionWriter({
        jobId: 'job',
        part: 0,
        epoch: 1,
        runId: 'a',
        patience: slicePatience,
        entry: { items, firstIndex },
        ...given,
    });
}

/** The next item that nobody has tried, or null. */
export const nextFresh = (writer: PartitionWriter): number | null => (writer.hasFresh() ? writer.takeFresh() : null);
