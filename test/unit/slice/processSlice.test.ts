// A whole slice over storage in memory, with a clock that only the test moves: what it reports, and what it leaves behind when storage fails.
import { RestError } from '@azure/storage-blob';
import { z } from 'zod';
import { noCalls } from '../../../src/core/callStats';
import { noCounts } from '../../../src/core/counts';
import { suspicion } from '../../../src/core/poison';
import { NewerVersion } from '../../../src/contracts/contract';
import { newControl } from '../../../src/core/control';
import { controlAfter } from '../../support/moves';
import {
    newLedger,
    reduceLedger,
    type LedgerOperation,
    type OperationOf,
    type SliceDone,
    type SliceReport,
} from '../../../src/core/ledger';
import { intentLine, type Outcome } from '../../../src/items/outcomeLines';
import { registerProcessor } from '../../../src/processors';
import { failed } from '../../../src/processors/processor';
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

test('a slice reports its failures by their kinds, and records with each item the call that failed', async () => {
    const fail = (index: number) => ({
        ...failed('HTTP_STATUS', `HTTP 404: no city ${index}`, false),
        ...{ status: 404, request: `GET http://h/${index}/${'x'.repeat(400)}`, output: `no ${index}` },
    });
    registerProcessor({
        ...{ name: 'refusing', description: 'Is refused in two ways.', options: z.object({}) },
        prepare:
            () =>
            async (_item, { index }) =>
                index % 4 === 3 ? failed('PROCESSOR_FATAL', 'no', false) : fail(index),
    });
    const bench = new SliceBench(2, { process: { processor: 'refusing' }, results: { keep: 'failed' } });
    const { failures } = (await bench.slice()) as SliceDone;
    expect(failures).toMatchObject([
        { code: 'HTTP_STATUS', status: 404, message: 'HTTP 404: no city #', count: 6, sample: { index: 0, status: 404, answer: 'no 0' } },
        { code: 'PROCESSOR_FATAL', status: null, message: 'no', count: 2, sample: { index: 3, message: 'no' } },
    ]);
    const lines = bench.outcomes.flatMap((o) => o.text().split('\n')).filter((line) => line.startsWith('{"index":'));
    const requests = lines.map((line) => (JSON.parse(line) as Outcome).request);
    expect(requests.filter(Boolean)).toHaveLength(6);
    expect(requests.find((request) => request?.startsWith('GET http://h/0/'))).toHaveLength(300);
    expect(failures[0]!.sample.request).toHaveLength(300);
    expect(failures[1]!.sample).not.toHaveProperty('request');
});

test('a slice without failures reports none, and an answer that is not kept is in no sample', async () => {
    expect(await new SliceBench(1).slice()).toMatchObject({ failures: [] });
    const bench = new SliceBench(1, { process: { processor: 'refusing' }, results: { keep: 'none' } });
    const { failures } = (await bench.slice()) as SliceDone;
    expect(failures[0]!.sample).not.toHaveProperty('answer');
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
    bench.control = controlAfter('cancel');
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

test('a slice that cannot begin gives back what an earlier run of its lease has told, and so no count goes down', async () => {
    const bench = new SliceBench(4);
    const counts = { ...noCounts(), succeeded: 3 };
    const parts = [0, 1].map((part) => ({ part, counts }));
    bench.progress.push({
        ...{ worker: 'r1w0', epoch: 4, first: 4, parts, inFlight: 0, rate: 1, at: 'T' },
        ...{ calls: noCalls(), before: null },
    });
    bench.glanceAtControl = async () => Promise.reject(new NewerVersion('control document', 9, 2));
    expect(await bench.slice({ epoch: 5, first: 4, resume: [0], from: 1, to: 4 })).toMatchObject({
        ...{ unreached: [0], untouched: 2, begun: parts },
        trouble: { code: 'NEWER_VERSION' },
    });
    // Of another lease nothing is known.
    expect(await bench.slice({ epoch: 6, resume: [0], from: 1, to: 4 })).toMatchObject({ unreached: [0], untouched: 1 });
});

test('a control document that cannot be looked at before the first call: nothing is called, and the lease is given back', async () => {
    const bench = new SliceBench(1);
    bench.glanceAtControl = async () => Promise.reject(refusal(403));
    expect(await bench.slice()).toMatchObject({ worked: false, untouched: 0, trouble: { code: 'STORAGE_REFUSED', part: null } });
    expect(bench.called).toEqual([]);
    // One look of three is enough.
    const lucky = new SliceBench(1);
    let looks = 0;
    lucky.glanceAtControl = async () => (++looks < 3 ? Promise.reject(refusal(503)) : lucky.control);
    expect(await lucky.slice()).toMatchObject({ closed: 1 });
});

test('a slice that has not seen for ten seconds what is wanted stops calling, and goes on when it does', async () => {
    const bench = new SliceBench(3, { process: { processor: 'held' } });
    const slice = bench.begin();
    await bench.clock.pass(100);
    bench.glanceAtControl = async () => Promise.reject(refusal(500));
    await bench.clock.pass(9_000);
    bench.letGo();
    await bench.clock.pass(100);
    expect(bench.called).toHaveLength(8);
    await bench.clock.pass(3_000);
    bench.letGo();
    await bench.clock.pass(500);
    expect(bench.called).toHaveLength(8);
    expect(await slice).toMatchObject({ worked: true, closed: 2 });
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

test('a slice whose successor tells its progress in the same place tells none any more', async () => {
    const bench = new SliceBench(1, { process: { processor: 'held' } });
    let written = 0;
    bench.writeProgress = async () => (++written === 2 ? null : '');
    const slice = bench.slice();
    await bench.clock.pass(10_000);
    bench.letGo();
    await slice;
    expect(written).toBe(2);
});

test('the progress of a slice is written by one request at a time, however slow storage is', async () => {
    const bench = new SliceBench(1, { process: { processor: 'held' } });
    let open = 0;
    let most = 0;
    bench.writeProgress = async () => {
        most = Math.max(most, ++open);
        await new Promise<void>((resolve) => void bench.clock.after(8_000, resolve));
        open--;
        return '';
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

test('a partition whose opening storage refuses only after the slice’s time is told as trouble, and a process that died as a crash', async () => {
    const late = async (bench: SliceBench, ms: number) => new Promise<void>((resolve) => void bench.clock.after(ms, resolve));
    const refused = new SliceBench(2);
    refused.readPartition = async () => {
        await late(refused, 20_000);
        throw refusal(403);
    };
    expect(await refused.slice()).toMatchObject({ trouble: { code: 'STORAGE_REFUSED', part: 0 }, untouched: 0 });

    const dead = new SliceBench(2);
    await dead.slice({ to: 1 });
    let looks = 0;
    dead.glanceAtControl = async () => (looks++ > 0 ? controlAfter('cancel') : newControl());
    dead.readPartition = async () => {
        await late(dead, 2_000);
        return Buffer.from('{"id":"x"}\n'.repeat(ITEMS));
    };
    expect(await dead.slice()).toMatchObject({ lost: 'crashed' });
});

test('an append that is refused again and again ends a job, by what its ledger is told', async () => {
    const bench = new SliceBench(2);
    for (const outcomes of bench.outcomes) outcomes.answers = Array.from({ length: 10_000 }, () => refusal(403));
    let state = newLedger('job');
    const tell = <Op extends LedgerOperation['op']>(operation: OperationOf<Op>) => {
        const { state: after, reply } = reduceLedger<Op>(state, operation, bench.clock.now());
        state = after;
        return reply;
    };
    tell<'open'>({ op: 'open', jobId: 'job', total: 2 * ITEMS, invalid: 0, partitions: 2, maxConcurrency: 4 });
    const next = tell<'settle'>({ op: 'settle' });
    const round = next.kind === 'work' ? next.round : 0;
    let report: SliceReport | null = null;
    for (let seq = 1; state.failure === null && seq < 100; seq++) {
        const reply = tell<'lease'>({ op: 'lease', round, worker: 'r1w0', slot: 0, seq, report });
        report = null;
        if (reply.kind === 'wait') await bench.clock.pass(Math.max(0, reply.until - bench.clock.now()));
        else if (reply.kind === 'work') report = await bench.slice(reply.lease);
    }
    expect(state.failure).toMatchObject({ code: 'STORAGE_REFUSED' });
});

test('an item that is cancelled keeps the attempts that it had; a job that is cancelled has no rate', async () => {
    const bench = new SliceBench(1, {
        process: { processor: 'failing' },
        retry: { attempts: 5, initialDelay: 'PT10M', maxDelay: 'PT10M', factor: 1 },
    });
    await bench.slice();
    const report = await bench.slice({ epoch: 2, mode: 'cancel' });
    expect(report).toMatchObject({ closed: 1, counts: { cancelled: ITEMS }, rate: 0 });
    for (const line of bench.outcomes[0]!.text()
        .split('\n')
        .filter((l) => l.includes('cancelled')))
        expect(JSON.parse(line)).toMatchObject({ outcome: 'cancelled', attempts: 1 });
});

test('a slice that cancels ends when its time is up, and gives back what it has not come to', async () => {
    const bench = new SliceBench(20, { key: 'id' });
    bench.readPartition = async () => {
        await new Promise<void>((resolve) => void bench.clock.after(2_000, resolve));
        return Buffer.from('{"id":"x"}\n'.repeat(ITEMS));
    };
    const report = (await bench.slice({ mode: 'cancel' })) as SliceDone;
    expect(report.untouched).toBe(8);
    expect(bench.clock.now()).toBeLessThan(18_000);
});

test('who cancels gives up sooner on an append that storage refuses', async () => {
    const times = [];
    for (const mode of ['normal', 'cancel'] as const) {
        const bench = new SliceBench(1);
        bench.outcomes[0]!.answers = Array.from({ length: 1_000 }, () => refusal(403));
        await bench.slice({ mode });
        times.push(bench.clock.now());
    }
    expect(times[1]).toBeLessThan(times[0]! / 3);
});

test('behind a slice nothing is looked at or written any more, and while it runs few looks at a time', async () => {
    const bench = new SliceBench(1, { process: { processor: 'held' } });
    let [open, most, looks] = [0, 0, 0];
    bench.glanceAtControl = async () => {
        looks++;
        most = Math.max(most, ++open);
        if (looks > 1) await new Promise<void>((resolve) => void bench.clock.after(3_500, resolve));
        open--;
        return bench.control;
    };
    const slice = bench.begin();
    await bench.clock.pass(10_000);
    bench.letGo();
    await bench.clock.pass(100);
    await slice;
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(5);
    const [seen, written] = [looks, bench.progress.length];
    expect(written).toBeGreaterThan(2);
    await bench.clock.pass(20_000);
    expect([looks, bench.progress.length]).toEqual([seen, written]);
});

test.each([
    ['all', [0, 1, 2, 3], []],
    ['failed', [1, 3], [0, 2]],
    ['none', [], [0, 1, 2, 3]],
] as const)('of results that keep %s the outputs are kept of those alone', async (keep, _kept, without) => {
    const bench = new SliceBench(1, { process: { processor: 'giving' }, results: { keep } });
    await bench.slice();
    const lines = bench.outcomes[0]!.text()
        .split('\n')
        .filter((l) => l.startsWith('{"index"'))
        .map((l) => JSON.parse(l) as { index: number; output?: unknown });
    expect(lines).toHaveLength(ITEMS);
    for (const { index, output } of lines)
        if ((without as readonly number[]).includes(index) || index % 2 === 1) expect(output).toBeUndefined();
        else expect(output).toEqual({ given: index });
});

test('where concurrency is adaptive it goes on where it stood, and says where it stands; where not, it is what the lease says', async () => {
    for (const [adaptive, limit] of [
        [true, 3],
        [false, null],
    ] as const) {
        const bench = new SliceBench(1, { concurrency: { max: 8, adaptive } });
        expect(await bench.slice({ startAt: 2 })).toMatchObject({ limit });
    }
});

test('a slice that was superseded says by which lease', async () => {
    const bench = new SliceBench(1, { process: { processor: 'held' } });
    const slice = bench.begin({ epoch: 3 });
    await bench.clock.pass(100);
    await newWriter({
        store: bench.outcomes[0]!.store,
        jobId: bench.jobId,
        items: ITEMS,
        epoch: 7,
        runId: 'heir',
        clock: bench.clock,
    }).takeOver();
    bench.letGo();
    await bench.clock.pass(2_000);
    expect(await slice).toMatchObject({ lost: 'superseded', by: 7 });
});
