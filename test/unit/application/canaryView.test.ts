// What the status of a job shows of its canary, from what is stored of it.
import { canaryView, estimateOf, type CanaryAsked } from '../../../src/application/canaryView';
import { statusFrom } from '../../../src/application/jobStatus';
import type { StoredJob } from '../../../src/contracts/documents';
import { jobSpec } from '../../../src/contracts/jobSpec';
import { noCalls, summaryOf } from '../../../src/core/callStats';
import type { CanaryFindings } from '../../../src/core/canary';
import { newControl } from '../../../src/core/control';
import { noCounts } from '../../../src/core/counts';
import type { FailureGroup } from '../../../src/core/failures';
import { durationMs } from '../../../src/core/duration';
import { newLedger, type LedgerState } from '../../../src/core/ledger';
import { newRegister, renewed, settled, type Register } from '../../../src/core/limiter/register';
import { writeExact } from '../../../src/json/exactJson';
import { renewal } from '../../support/renewal';

const NOW = Date.UTC(2026, 11, 1, 6);
const T = new Date(NOW).toISOString();
const group = (code: string, count: number): FailureGroup => ({
    ...{ fingerprint: code.toLowerCase(), code, status: null, message: 'm', count, firstAt: T, lastAt: T },
    sample: { index: 1, key: null, at: T, message: 'm' },
});
const findings: CanaryFindings = {
    ...{
        items: 50,
        counts: { ...noCounts(), succeeded: 46, failed: 4, retries: 10 },
        failures: [group('TIMEOUT', 3), group('HTTP_STATUS', 1)],
    },
    calls: { latencies: { 50: 60 }, statuses: { 200: 46, TIMEOUT: 14 } },
    samples: ['{"index":0,"outcome":"succeeded","key":"k","attempts":1,"ms":5,"at":"T","output":{"id":9007199254740993}}'],
    ...{ seconds: 3, settledAt: T },
};
const jobOf = (more: object = {}): StoredJob => ({
    id: 'j',
    createdAt: T,
    spec: {
        ...jobSpec.parse({
            source: { items: [1] },
            process: { http: { url: 'http://h/{id}' } },
            canary: { items: 50, timeout: 'PT2H' },
            ...more,
        }),
        source: { inline: 10_050 },
    },
});
const asked = (more: Partial<CanaryAsked> = {}): CanaryAsked => ({
    ...{ spec: jobOf().spec.canary!, total: 10_050, findings, approval: null, until: NOW + 7_200_000 },
    soFar: {
        counts: { ...noCounts(), succeeded: 7 },
        failures: [group('A', 2)],
        calls: summaryOf({ latencies: { 3: 7 }, statuses: { 200: 7 } }),
    },
    estimate: { calls: 1, duration: { earliest: 'PT1S', latest: 'PT2S' }, reason: 'r' },
    ...more,
});

describe('a canary', () => {
    test('that has settled shows what it came to, every sample to the last digit, and what comes', () => {
        const view = canaryView(asked());
        expect(view).toEqual({
            ...{ items: 50, approval: 'manual', maxPercent: 2, timeout: 'PT2H' },
            counts: findings.counts,
            failures: [
                { ...group('TIMEOUT', 3), share: 0.75 },
                { ...group('HTTP_STATUS', 1), share: 0.25 },
            ],
            latency: summaryOf(findings.calls).latencyMs,
            statusCodes: { 200: 46, TIMEOUT: 14 },
            samples: [expect.anything()],
            ...{ estimate: asked().estimate, settledAt: T, until: '2026-12-01T08:00:00.000Z' },
        });
        expect(writeExact(view.samples)).toBe(`[${findings.samples[0]}]`);
    });

    test('that still runs shows how far the job is, and nothing that only its end can tell', () => {
        const view = canaryView(asked({ findings: null, until: null }));
        expect(view).toMatchObject({ items: 50, counts: { succeeded: 7 }, failures: [{ code: 'A', share: 1 }], statusCodes: { 200: 7 } });
        expect(view).toMatchObject({ samples: [], estimate: null });
        expect(canaryView(asked({ findings: null, total: 8 })).items).toBe(8);
        expect(canaryView(asked({ findings: null, total: null })).items).toBe(50);
        expect(Object.keys(view)).not.toEqual(expect.arrayContaining(['settledAt']));
        expect(
            canaryView(asked({ findings: null, soFar: { counts: noCounts(), failures: [], calls: summaryOf(noCalls()) } })),
        ).toMatchObject({
            ...{ failures: [], latency: null, statusCodes: {} },
        });
    });

    test('on which there is a word shows it, and estimates nothing any more', () => {
        const view = canaryView(asked({ approval: { is: 'rejected', by: 'ann', at: NOW, reason: 'four timeouts' } }));
        expect(view).toMatchObject({ estimate: null, decision: { is: 'rejected', by: 'ann', at: T, reason: 'four timeouts' } });
        expect(view.until).toBeUndefined();
    });
});

describe('the status of a job', () => {
    const ledger = (state: LedgerState['state'], more: Partial<LedgerState> = {}): LedgerState => ({
        ...newLedger('j'),
        ...{ state, total: 10_050, startedAt: NOW, entered: { [state]: NOW }, counts: findings.counts, calls: findings.calls },
        canary: { items: 50, partitions: 1, timeoutMs: 7_200_000, ranForMs: 0, until: NOW + 7_200_000, verdict: null },
        ...more,
    });
    const facts = (found: LedgerState | null) => ({ summary: null, ledger: found, control: newControl() });

    test('has it from the start, and an estimate while somebody is asked', () => {
        expect(statusFrom(jobOf(), facts(null), NOW, { canary: null }).canary).toMatchObject({ items: 50, estimate: null, samples: [] });
        expect(statusFrom(jobOf(), facts(ledger('canary')), NOW, { canary: null }).canary).toMatchObject({
            counts: { succeeded: 46 },
            estimate: null,
        });
        const { canary } = statusFrom(jobOf(), facts(ledger('awaitingApproval')), NOW, { canary: findings });
        expect(canary).toMatchObject({ until: '2026-12-01T08:00:00.000Z', estimate: { calls: 12_000 } });
        // 12 attempts for each ten items; the job is paused, and its limits may have changed.
        expect(canary!.counts).toEqual(findings.counts);
    });

    test('has no estimate of what is not to come, or has begun', () => {
        for (const state of ['running', 'cancelling', 'folding'] as const)
            expect(statusFrom(jobOf(), facts(ledger(state)), NOW, { canary: findings }).canary).toMatchObject({
                items: 50,
                estimate: null,
            });
        const summary = {
            jobId: 'j',
            state: 'cancelled',
            total: 10_050,
            counts: { ...noCounts(), cancelled: 9 },
            invalid: 0,
            failures: [],
            endedAt: T,
        } as const;
        const control = { ...newControl(), approval: { is: 'rejected', by: 'ann', at: NOW } as const };
        const ended = statusFrom(jobOf(), { summary: { ...summary, failures: [] }, ledger: null, control }, NOW, { canary: findings });
        expect(ended.canary).toMatchObject({ counts: findings.counts, decision: { is: 'rejected', by: 'ann' }, estimate: null });
    });

    test('has none where the job has none, or nobody has looked', () => {
        expect(statusFrom(jobOf({ canary: undefined }), facts(ledger('running')), NOW, { canary: null }).canary).toBeUndefined();
        expect(statusFrom(jobOf(), facts(ledger('running')), NOW).canary).toBeUndefined();
    });
});

describe('the estimate goes by the limits that are in force', () => {
    const limits = { concurrency: { max: 10, adaptive: false } };
    const hour = (register: Register | null, more: object = {}, control = newControl()) => {
        const seen = register && { register, date: NOW };
        const found = estimateOf(jobOf({ ...limits, ...more }), { findings, total: 10_050, control, limiter: seen, now: NOW })!;
        return { ...found, earliest: durationMs(found.duration.earliest) / 1_000 };
    };

    test('as the spec has them, and as they were changed', () => {
        expect(hour(null).reason).toMatch(/^12,000 calls, 10 at once of /);
        // 10,613 calls at the fewest: ten retries of fifty may be four.
        expect(hour(null, { rate: '2/s' })).toMatchObject({ earliest: 5_280, reason: expect.stringContaining('(rate 2/s)') });
        const changed = { ...newControl(), limits: { concurrency: { max: 1, adaptive: false }, deadline: 'PT10S' } };
        expect(hour(null, {}, changed).reason).toMatch(/, 1 at once of .*; the deadline comes before that$/);
        const calling = { calling: { windows: ['07:00-08:00'], timeZone: 'UTC' } };
        expect(hour(null, calling).reason).toMatch(/, in its calling windows, which open at 2026-12-01T07:00:00.000Z$/);
    });

    test('as its limiter has them: what is set, what was learned, and who else calls', () => {
        const set = settled(newRegister('h:80'), { rates: [{ n: 1, perMs: 1_000 }], inFlight: 2 }, 'ann', NOW);
        expect(hour(set, { rate: '50/s' })).toMatchObject({ earliest: 10_620, reason: expect.stringContaining('(rate 1/s)') });
        const places = settled(newRegister('h:80'), { rates: [], inFlight: 2 }, 'ann', NOW);
        expect(hour(places).reason).toMatch(/, 2 at once of /);
        const need = { want: null, inFlight: 1 };
        const shared = renewed(
            newRegister('h:80'),
            renewal('p1', 1, { ms: 0, jobs: { a: need, b: need }, rates: [{ n: 3, perMs: 1_000 }] }),
            NOW,
        ).register;
        expect(hour(shared, { rate: '50/s' }).reason).toMatch(/\(rate 3\/s\), shared by 3 jobs$/);
        const taught = renewed(
            newRegister('h:80'),
            renewal('p1', 1, { ms: 5_000, accepted: 10, lately: 2, refused: 40, jobs: { j: need } }),
            NOW,
        ).register;
        expect(hour(taught).reason).toMatch(/at most \d(\.\d)? a second \(limiter h\)/);
    });
});
