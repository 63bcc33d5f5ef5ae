// A whole slice over storage in memory, with a clock that only the test moves: what it reports, and what it leaves behind when storage fails.
import { RestError } from '@azure/storage-blob';
import { suspicion } from '../../../src/core/poison';
import { NewerVersion } from '../../../src/contracts/contract';
import { moved, newControl } from '../../../src/core/control';
import type { SliceDone } from '../../../src/core/ledger';
import { intentLine } from '../../../src/items/outcomeLines';
import { blobs } from '../../../src/contracts/names';
import { ITEMS, SliceBench } from '../../support/sliceBench';
import { newWriter } from '../../support/writers';

const refusal = (statusCode: number) => new RestError('no', { statusCode });

test('a slice calls each item of its lease once and reports what it has closed', async () => {
    const bench = new SliceBench(3);
    const report = (await bench.slice()) as SliceDone;
    expect(report).toMatchObject({ closed: 3, open: [], untouched: 3, counts: { succeeded: 12 }, worked: true });
    expect(bench.called.sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, i) => i));
});

test('the limits of the control document are in force in the slices that begin after it, those of the spec until then', async () => {
    const retry = { attempts: 3, initialDelay: 'PT0S', maxDelay: 'PT0S', factor: 1 };
    const before = new SliceBench(1, { process: { processor: 'failing' }, retry });
    expect(await before.slice()).toMatchObject({ closed: 1, counts: { failed: 4, retries: 8 } });
    const after = new SliceBench(1, { process: { processor: 'failing' }, retry });
    after.control = { ...newControl(), generation: 1, limits: { retry: { ...retry, attempts: 1 } } };
    expect(await after.slice()).toMatchObject({ closed: 1, counts: { failed: 4, retries: 0 } });
});

test('a slice of a job that is cancelled already calls nothing, and says which word of it it has seen', async () => {
    const bench = new SliceBench(2);
    bench.control = moved(newControl(), { move: 'cancel', by: 'api', at: 'T' })!;
    const report = (await bench.slice()) as SliceDone;
    expect(bench.called).toEqual([]);
    expect(report).toMatchObject({ worked: false, untouched: 0, control: { generation: 1, desired: 'cancel' } });
});

test('a control document of a newer version is not gone by: nothing is called, and the lease is given back', async () => {
    const bench = new SliceBench(2);
    bench.glanceAtControl = async () => Promise.reject(new NewerVersion('control document', 9, 2));
    expect(await bench.slice()).toMatchObject({ untouched: 0, closed: 0, worked: false, trouble: { code: 'NEWER_VERSION' } });
    expect(bench.called).toEqual([]);
});

test('a control document that cannot be read holds nothing up', async () => {
    const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
    const bench = new SliceBench(1);
    bench.glanceAtControl = async () => Promise.reject(refusal(403));
    expect(await bench.slice()).toMatchObject({ closed: 1, counts: { succeeded: 4 } });
    warn.mockRestore();
});

test('a cancelled job whose items cannot be read is cancelled without them: their reading is not waited for partition by partition', async () => {
    const bench = new SliceBench(8, { key: 'id' });
    bench.readPartition = (abortSignal) =>
        new Promise((_resolve, reject) => {
            const lift = bench.clock.after(60_000, () => reject(refusal(500)));
            abortSignal?.addEventListener('abort', () => (lift(), reject(new Error('given up'))));
        });
    const report = (await bench.slice({ mode: 'cancel' })) as SliceDone;
    expect(bench.clock.now()).toBeLessThan(30_000);
    expect(report).toMatchObject({ closed: 8, counts: { cancelled: 32 } });
});

test('the progress of a slice is written by one request at a time, however slow storage is', async () => {
    const bench = new SliceBench(1, { process: { processor: 'held' } });
    let open = 0;
    let most = 0;
    bench.writeProgress = async () => {
        most = Math.max(most, ++open);
        await new Promise<void>((resolve) => void bench.clock.after(8_000, resolve));
        open--;
    };
    const slice = bench.slice();
    await bench.clock.pass(12_000);
    bench.letGo();
    await slice;
    expect(most).toBe(1);
});

test('the progress of a slot is one blob, in whatever round', () => {
    expect(blobs.progress('j', 'r1w3')).toBe(blobs.progress('j', 'r20000w3'));
    expect(blobs.progress('j', 'r1w3')).not.toBe(blobs.progress('j', 'r1w2'));
});

test('what isolation announced and storage did not record is no strike: the process has not died of it', async () => {
    const bench = new SliceBench(1, { process: { processor: 'held' } });
    const { store } = bench.outcomes[0]!;
    const run = (epoch: number) => newWriter({ store, items: ITEMS, epoch, runId: `run ${epoch}`, clock: bench.clock });
    for (const epoch of [1, 3]) {
        const isolated = run(epoch);
        await isolated.takeOver();
        isolated.record({ text: intentLine({ trying: [0], attempts: [1], epoch, alone: true }) });
        await isolated.flush();
        // The attempt is answered, and storage refuses the answer until the slice ends: the ledger hears of no crash.
        const next = bench.slice({ epoch: epoch + 1 });
        await bench.clock.pass(1_000);
        const heir = run(epoch + 2);
        await heir.takeOver();
        expect(suspicion(heir.intents, heir.hasEnded)).toMatchObject({ kind: 'suspects' });
        expect(heir.intents.some(({ alone }) => alone)).toBe(false);
        bench.letGo();
        await next;
    }
});

test('of two partitions that fail, the one whose failure is told is named with it', async () => {
    const bench = new SliceBench(2);
    let reads = 0;
    bench.readPartition = async () => {
        if (reads++ === 0) return Buffer.from('{}\n'.repeat(ITEMS));
        // The second partition is being opened for longer than an append to the first is made again.
        bench.outcomes[0]!.answers = Array.from({ length: 100 }, () => refusal(403));
        await new Promise<void>((resolve) => void bench.clock.after(30_000, resolve));
        throw refusal(404);
    };
    const report = (await bench.slice()) as SliceDone;
    expect(report.trouble).toMatchObject({ part: 0, message: expect.stringContaining('403') as string });
});
