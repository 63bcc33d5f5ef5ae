// The usual mode: everything of the lease is called as fast as it may be, for the time of a slice.
import { CallScheduler } from './callScheduler';
import type { SliceEnd, SliceWork } from './sliceWork';

export async function workNormally({ lease, partitions, calls, admission, clock, until, stop, onRetuned }: SliceWork): Promise<SliceEnd> {
    const scheduler = new CallScheduler({
        calls,
        admission,
        opened: partitions.opened,
        openNext: () => partitions.openNext({ withItems: true }),
        until,
        hasMore: lease.more ?? false,
        clock,
    });
    stop.onAsked((why) => (why ? scheduler.stop(why) : scheduler.goOn()));
    onRetuned(() => scheduler.lookAgain());
    return scheduler.run();
}
