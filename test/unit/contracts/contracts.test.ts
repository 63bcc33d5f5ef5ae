// What is stored and sent comes back as it was; an older form is upgraded, a newer one is left to those who know it.
import type { OrchestrationContext } from 'durable-functions';
import { z } from 'zod';
import { planJob } from '../../../src/activities/planJob';
import { contract, NewerVersion, WrongDocument, type Contract } from '../../../src/contracts/contract';
import * as documents from '../../../src/contracts/documents';
import { ledgerDocument, operationMessage, readReply, reportMessage } from '../../../src/contracts/ledger';
import * as payloads from '../../../src/contracts/payloads';
import { jobSpec } from '../../../src/contracts/jobSpec';
import { newControl } from '../../../src/core/control';
import { anyLease } from '../../support/lease';
import { controlAfter } from '../../support/moves';
import { noCounts } from '../../../src/core/counts';
import { mergeFailures } from '../../../src/core/failures';
import { FailureKinds } from '../../../src/items/fingerprint';
import { newLedger, nothingOpened, reduceLedger, type Lease, type LedgerState, type SliceReport } from '../../../src/core/ledger';
import { isHopeless, persisting } from '../../../src/core/trouble';
import { ledger } from '../../../src/entities/ledger';
import { runJob } from '../../../src/orchestrators/runJob';
import { runWorker } from '../../../src/orchestrators/runWorker';
import type { JobStore } from '../../../src/storage/jobStore';
import { troubleOf } from '../../../src/storage/trouble';

const counts = { ...noCounts(), succeeded: 3, retries: 1 };
const failure = { code: 'HTTP_STATUS', message: 'no', retryable: false };
const trouble = { code: 'STORAGE_REFUSED' as const, message: 'storage answered 403' };
const group = {
    ...{ fingerprint: 'ab12cd34ef56', code: 'X', status: 500, message: 'm #', count: 2, firstAt: 'T', lastAt: 'U' },
    sample: { index: 1, key: null, at: 'T', status: 500, message: 'm 1', request: 'GET http://h/1', answer: 'no' },
};
const lease: Lease = {
    ...anyLease,
    ...{ epoch: 4, resume: [1, 7], from: 9, to: 12, concurrency: 8 },
    ...{ ending: 'expired', share: { slot: 1, of: 2 }, first: 3, before: { first: 2, counts } },
};
const calls = { latencies: { 3: 4 }, statuses: { 200: 3, TIMEOUT: 1 } };
const report = {
    ...{ epoch: 4, closed: 2, counts, open: [{ part: 7, wakeAt: 123_456, counts }], unreached: [1], untouched: 11 },
    ...{ failures: [group], rate: 12.5, limit: 6, worked: true, control: { generation: 2, desired: 'cancel' as const } },
    trouble: { ...trouble, part: null },
    begun: [{ part: 9, counts }],
    hold: { code: 'OUTSIDE_WINDOWS' as const, why: 'the next window', until: 5, generation: 1 },
    calls,
};

/** A ledger with something in every field. */
function busyLedger(): LedgerState {
    const state: LedgerState = {
        ...newLedger('j'),
        ...{ state: 'running', generation: 1, total: 30, partitions: 12, next: 12, startedAt: 1, round: 1, width: 2, counts },
        returned: [{ from: 2, to: 4 }],
        delayed: [{ part: 5, wakeAt: 90_000, counts }],
        crashed: { '3': 2 },
        limits: { '0': 12, '1': null },
        failures: [group],
        troubles: { job: { ...trouble, count: 2, since: 1, until: 2 } },
        waiting: { code: 'RETRY_DUE', for: 'the next retry is due then', until: 9 },
        ...{ desired: 'pause', ending: null, deadline: 99, restsAt: 1, entered: { running: 5 }, heardAt: 7, hold: report.hold, calls },
        orphans: { '3': { ...lease, crashes: 1, base: counts, resumed: [], since: 3, againAt: null } },
        timeline: {
            first: [{ kind: 'trouble', code: 'STORAGE_AWAY', message: 'm', at: 3, generation: 1 }],
            omitted: { kind: 'omitted', from: 4, to: 5, counts: { crash: 2 } },
            last: [{ kind: 'crash', worker: 'r1w0', partitions: 2, at: 6, generation: 1 }],
        },
    };
    return reduceLedger(state, { op: 'lease', round: 1, worker: 'r1w0', slot: 0, seq: 1, report: null }, 10_000).state;
}

const spec = jobSpec.parse({
    source: { items: [1] },
    process: { http: { url: 'http://h/{id}' } },
    tags: { a: 'b' },
    canary: { items: 1 },
});
const forms: [Contract<unknown>, unknown][] = [
    [documents.jobDocument, { id: 'j', createdAt: 'T', by: 'key:ci', spec: { ...spec, keyForm: 2, source: { inline: 1 } } }],
    [
        documents.planDocument,
        {
            ...{ jobId: 'j', items: 'i', total: 3, invalid: 0, createdAt: 'T' },
            partitions: [{ offset: 0, bytes: 9, items: 3, firstIndex: 0 }],
        },
    ],
    [documents.controlDocument, { ...controlAfter('pause', 'resume', 'cancel') }],
    [
        documents.progressDocument,
        {
            ...{ worker: 'r1w0', epoch: 2, first: 1, parts: [{ part: 3, counts }], inFlight: 3, rate: 1.5, at: 'T' },
            ...{ calls: { latencies: { 3: 4 }, statuses: { 200: 4 } }, before: { first: 0, counts } },
        },
    ],
    [
        documents.manifestDocument,
        { jobId: 'j', total: 3, counts, parts: [{ part: 0, name: 'n', bytes: 1, items: 3, sha256: 's', counts }], createdAt: 'T' },
    ],
    [
        documents.summaryDocument,
        { jobId: 'j', state: 'cancelled', total: 3, counts: { ...counts, unrecorded: 1 }, invalid: 0, failures: [group], endedAt: 'T' },
    ],
    [
        documents.canaryDocument,
        { items: 3, counts, failures: [group], calls, samples: ['{"index":0,"output":1.10}'], seconds: 1.5, settledAt: 'T' },
    ],
    [documents.keyDocument, { jobId: 'j', bodyHash: 'h', createdAt: 'T', released: true }],
    [documents.indexDocument, { id: 'j', name: 'n', createdAt: 'T', tags: { a: 'b' } }],
    [ledgerDocument, busyLedger()],
    [reportMessage, report],
    [reportMessage, { epoch: 1, lost: 'superseded', reason: 'r', by: 2 }],
    [operationMessage, { op: 'lease', round: 1, worker: 'r1w0', slot: 0, seq: 2, report }],
    [operationMessage, { op: 'reopen', repair: 1, ranges: [{ from: 1, to: 3 }], counts, closed: 4 }],
    [operationMessage, { op: 'control', generation: 3, desired: 'run' }],
    [payloads.planReplyMessage, { ok: false, trouble }],
    [payloads.planReplyMessage, { ok: true, total: 1, invalid: 0, partitions: 1, concurrency: 4 }],
    [payloads.planReplyMessage, { ok: false, startAt: 12 }],
    [operationMessage, { op: 'note', step: 'plan', trouble: null }],
    [operationMessage, { op: 'schedule', startAt: 12 }],
    [documents.stepDocument, { step: 'fold', done: 3, of: 9 }],
    [
        payloads.expireReplyMessage,
        { kind: 'control', control: { generation: 2, desired: 'cancel', ending: 'expired', concurrency: 4, deadline: 5 } },
    ],
    [payloads.sliceInputMessage, { jobId: 'j', worker: 'r1w0', lease }],
    [payloads.foldInputMessage, { jobId: 'j', as: 'failed', startedAt: null, error: { ...failure, invalid: 2 }, total: null, repairs: 1 }],
    [payloads.foldReplyMessage, { kind: 'lacking', ranges: [{ from: 0, to: 2 }], counts, closed: 1 }],
    [payloads.runJobMessage, { jobId: 'j', startedAt: 'T', planned: true, trouble: { ...trouble, count: 1, since: 1, until: 2 } }],
    [payloads.runWorkerMessage, { jobId: 'j', round: 1, slot: 0, seq: 2, lease }],
    [payloads.wakeMessage, { generation: 2 }],
];

describe.each(forms.map(([form, value]) => [form.kind, form, value] as const))('%s', (_kind, form, value) => {
    test('comes back as it was written, in the version that it is written in', () => {
        const written = JSON.parse(JSON.stringify(form.write(value))) as Record<string, unknown>;
        expect(written.v).toBe(form.version);
        expect(form.read(written)).toEqual(value);
    });

    test('of a newer version is not read', () => {
        expect(() => form.read({ ...form.write(value), v: form.version + 1 })).toThrow(NewerVersion);
    });

    test('that is none says what is wrong', () => {
        expect(() => form.read('text')).toThrow(WrongDocument);
        expect(() => form.read({ ...form.write(value), v: 'x' })).toThrow(/its version is "x"/);
    });
});

describe('a group of failures', () => {
    const byCode = { code: 'HTTP_STATUS', count: 7, sample: { index: 3, key: 'k', message: 'HTTP 404: no city 3' } };
    const kind = new FailureKinds().of({ code: 'HTTP_STATUS', status: null, message: 'HTTP 404: no city 3' });
    const read = { ...kind, count: 7, firstAt: null, lastAt: null, sample: { ...byCode.sample, at: null } };
    const written = <T>(form: Contract<T>, value: T) => JSON.parse(JSON.stringify(form.write(value))) as Record<string, unknown>;
    /** As versions before there were fingerprints have it. */
    const former = z.object({
        ...{ code: z.string(), count: z.int().min(0) },
        sample: z.object({ index: z.int().min(0), key: z.union([z.string(), z.number(), z.null()]), message: z.string() }),
    });

    test.each<[string, (failures: unknown[]) => { failures: unknown[] }]>([
        ['a ledger', (failures) => ledgerDocument.read({ ...written(ledgerDocument, busyLedger()), v: 4, failures })],
        ['a report', (failures) => reportMessage.read({ ...written(reportMessage, report), failures }) as { failures: unknown[] }],
        [
            'a summary',
            (failures) =>
                documents.summaryDocument.read({
                    v: 2,
                    jobId: 'j',
                    state: 'completed',
                    total: 9,
                    counts,
                    invalid: 0,
                    failures,
                    endedAt: 'T',
                }),
        ],
    ])('of a version that counted by code alone is read in %s, its status and times unknown', (_what, readWith) => {
        expect(readWith([byCode]).failures).toEqual([read]);
        expect(readWith([byCode, group]).failures).toEqual([read, group]);
        const long = { ...byCode, sample: { ...byCode.sample, message: 'm'.repeat(500) } };
        expect(readWith([long]).failures).toMatchObject([{ sample: { message: 'm'.repeat(300) } }]);
        // One that is neither is found out.
        expect(() => readWith([{ ...group, count: -1 }])).toThrow(WrongDocument);
        expect(() => readWith([{ count: 1 }])).toThrow(WrongDocument);
    });

    test('is found by such a version in what is written now', () => {
        const { code, count, sample } = group;
        const known = [{ code, count, sample: { index: sample.index, key: sample.key, message: sample.message } }];
        for (const { failures } of [written(ledgerDocument, busyLedger()), written(reportMessage, report as SliceReport)])
            expect(z.array(former).parse(failures)).toEqual(known);
    });

    test('that is read goes on being counted', () => {
        const [old] = ledgerDocument.read({ ...written(ledgerDocument, busyLedger()), failures: [byCode] }).failures;
        expect(mergeFailures([old!], [group, { ...read, count: 2 }], 40)).toEqual([{ ...read, count: 9 }, group]);
    });
});

test('an older form goes through every upgrade behind it, and through none before', () => {
    const form = contract('thing', z.object({ c: z.number() }), [({ a }) => ({ b: a }), ({ b }) => ({ c: Number(b) + 1 })]);
    expect(form.version).toBe(3);
    expect([form.read({ a: 1 }), form.read({ v: 2, b: 5 }), form.read({ v: 3, c: 9 })]).toEqual([{ c: 2 }, { c: 6 }, { c: 9 }]);
    expect(() => form.read({ v: 3, c: 'x' })).toThrow('thing cannot be read: at /c');
});

describe('version 1', () => {
    test('of the control document said only whether the job is cancelled', () => {
        expect(documents.controlDocument.read({ generation: 0 })).toEqual(newControl());
        expect(documents.controlDocument.read({ cancelled: true, generation: 1 })).toMatchObject({ generation: 1, desired: 'cancel' });
        // And finds what it knows in what is written now.
        const cancelled = controlAfter('cancel');
        expect(documents.controlDocument.write(cancelled)).toMatchObject({ cancelled: true, generation: 1 });
        expect(documents.controlDocument.write(newControl())).not.toHaveProperty('cancelled');
    });

    test('of the ledger lacked what came later, and still finds its partitions', () => {
        expect(ledgerDocument.read({ jobId: 'j', parked: [[2, 5, 1, 0, 0, 0, 0]] })).toEqual({
            ...newLedger('j'),
            delayed: [{ part: 2, wakeAt: 5, counts: { ...noCounts(), succeeded: 1 } }],
        });
        expect(ledgerDocument.write(busyLedger()).parked).toEqual([[5, 90_000, 3, 0, 0, 0, 1]]);
    });

    test('that changes what this version has written, leaving alone what it does not know, is understood', () => {
        const cancelledByIt = { ...documents.controlDocument.write(newControl()), cancelled: true, generation: 1 };
        expect(documents.controlDocument.read(cancelledByIt)).toMatchObject({ generation: 1, desired: 'cancel', ending: 'cancelled' });
        const takenByIt = { ...ledgerDocument.write(busyLedger()), parked: [[7, 5, 1, 0, 0, 0, 0]] };
        expect(ledgerDocument.read(takenByIt).delayed).toEqual([{ part: 7, wakeAt: 5, counts: { ...noCounts(), succeeded: 1 } }]);
    });

    test('told of a cancel by an operation, and by a report', () => {
        const told = { op: 'control' as const, generation: 3, desired: 'cancel' as const };
        expect(operationMessage.read({ op: 'cancel' })).toEqual({ ...told, generation: 1 });
        expect(operationMessage.write(told)).toMatchObject({ op: 'cancel' });
        expect(operationMessage.read(operationMessage.write(told))).toEqual(told);
        expect(operationMessage.write({ ...told, desired: 'run' })).toMatchObject({ op: 'control' });
        const heard = reduceLedger(busyLedger(), operationMessage.read({ op: 'settle', cancel: true }), 20_000);
        expect(heard.state.state).toBe('cancelling');
        expect(reportMessage.read({ ...reportMessage.write(report), control: undefined, v: 1, cancelled: true })).toMatchObject({
            control: { generation: 1, desired: 'cancel' },
        });
        expect(reportMessage.write(report)).toMatchObject({ cancelled: true });
    });
});

describe('an instance that meets what a newer version has written gives the work back', () => {
    const newer = (form: Contract<unknown>, value: unknown) => ({ ...form.write(value), v: form.version + 1 });

    function entity(state: unknown, input: unknown) {
        let reply: unknown;
        let stored: unknown = null;
        const df = {
            entityKey: 'j',
            getState: () => state,
            getInput: () => input,
            setState: (given: unknown) => (stored = given),
            return: (given: unknown) => (reply = given),
        };
        (ledger as (context: unknown) => void)({ df });
        return { reply, stored };
    }

    test('the ledger takes no operation, and leaves its state as it is', () => {
        const operation = operationMessage.write({ op: 'settle' });
        const { reply, stored } = entity(newer(ledgerDocument, busyLedger()), operation);
        expect([reply, stored]).toMatchObject([{ kind: 'newer' }, null]);
        expect(entity(ledgerDocument.write(busyLedger()), newer(operationMessage, { op: 'settle' })).reply).toMatchObject({
            kind: 'newer',
        });
        expect(readReply('settle', reply)).toMatchObject({ kind: 'newer' });
        expect(entity(undefined, operationMessage.write({ op: 'control', generation: 1, desired: 'cancel' }))).toMatchObject({
            reply: { kind: 'ok', state: 'cancelling' },
            stored: { jobId: 'j', state: 'cancelling', generation: 1 },
        });
    });

    test.each([
        ['runJob', runJob, payloads.runJobMessage, { jobId: 'j' }],
        ['runWorker', runWorker, payloads.runWorkerMessage, { jobId: 'j', round: 1, slot: 0 }],
    ] as const)('%s waits, and begins anew with what it was given', (_name, orchestrator, form, value) => {
        const given = newer(form, value);
        const again: unknown[] = [];
        const df = {
            getInput: () => given,
            currentUtcDateTime: new Date(0),
            createTimer: (at: Date) => ({ at }),
            continueAsNew: (input: unknown) => again.push(input),
        };
        const story = orchestrator({ df } as unknown as OrchestrationContext) as Generator<unknown, unknown, unknown>;
        expect(story.next().value).toEqual({ at: new Date(15_000) });
        expect(story.next()).toMatchObject({ done: true });
        expect(again).toEqual([given]);
    });

    test('planning says so, and is waited for however long the deployment takes', async () => {
        const store = {
            readJob: async () => documents.jobDocument.read({ v: 99 }),
            glanceAtControl: async () => newControl(),
            diagnose: async (error: unknown) => troubleOf(error),
        } as unknown as JobStore;
        const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
        const reply = await planJob({ jobId: 'j' }, store);
        warn.mockRestore();
        expect(reply).toMatchObject({ ok: false, trouble: { code: 'NEWER_VERSION' } });
        const { trouble: met } = reply as { trouble: ReturnType<typeof troubleOf> };
        let often = persisting(undefined, met, 0);
        for (let now = 0; now < 3_600_000; now += 30_000) often = persisting(often, met, now);
        expect(isHopeless(often, 3_600_000)).toBe(false);
    });

    test('a slice of which not even the input is known is given back as it was leased', () => {
        const unread = payloads.unreadLease({ v: 99, lease: { ...lease, further: true } });
        expect(unread).toEqual({ epoch: 4, resume: [1, 7], from: 9, startAt: null });
        expect(nothingOpened(unread, trouble)).toMatchObject({ epoch: 4, unreached: [1, 7], untouched: 9, closed: 0, worked: false });
        expect(() => payloads.unreadLease({ v: 99 })).toThrow(WrongDocument);
    });

    /** Answers each task that the story yields, in its order. */
    function play(orchestrator: typeof runJob, input: unknown, answers: unknown[]) {
        const asked: { name: string; input: { [field: string]: unknown } }[] = [];
        const task = (name: string, given?: unknown) => ({ name, input: given as { [field: string]: unknown } });
        const df = {
            getInput: () => input,
            currentUtcDateTime: new Date(0),
            isReplaying: true,
            createTimer: () => task('timer'),
            waitForExternalEvent: () => task('event'),
            callActivity: task,
            callEntity: (_id: unknown, name: string, given: unknown) => task(name, given),
            continueAsNew: () => undefined,
            Task: { any: () => task('any') },
        };
        const story = orchestrator({ df } as unknown as OrchestrationContext) as Generator<(typeof asked)[0], unknown, unknown>;
        for (let step = story.next(); !step.done && asked.length < answers.length;) {
            asked.push(step.value);
            step = story.next(answers[asked.length - 1]);
        }
        return asked;
    }

    test('a plan that a newer version has answered with is asked for again', () => {
        const reply = newer(payloads.planReplyMessage, { ok: true, total: 1, invalid: 0, partitions: 1, concurrency: 1 });
        expect(play(runJob, { jobId: 'j' }, [reply, null, reply]).map((a) => a.name)).toEqual(['planJob', 'any', 'planJob']);
    });

    test('a slice that a newer version has worked is no crash: its lease is given back', () => {
        const input = payloads.runWorkerMessage.write({ jobId: 'j', round: 1, slot: 0, lease });
        const asked = play(runWorker, input, [newer(reportMessage, report), { kind: 'stop', why: 'enough' }]);
        expect(asked.map((a) => a.name)).toEqual(['processSlice', 'lease']);
        expect(asked[1]!.input).toMatchObject({ report: { unreached: [1, 7], untouched: 9, trouble: { code: 'NEWER_VERSION' } } });
    });
});
