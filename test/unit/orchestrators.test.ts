// The orchestrators' story, told by hand: what they ask for, one step after the other, when things die on the way. Each task is yielded once.
import { anyLease } from '../support/lease';
import type { OrchestrationContext } from 'durable-functions';
import type { LedgerOperation } from '../../src/core/ledger';
import { runJob } from '../../src/orchestrators/runJob';
import { runWorker } from '../../src/orchestrators/runWorker';

interface Asked {
    kind: 'activity' | 'entity' | 'timer' | 'event' | 'child' | 'all' | 'any';
    name?: string;
    input?: unknown;
}

let time = Date.parse('2026-11-25T00:00:00Z');

/** Runs an orchestrator; `answer` gives what each task comes to, or throws. Says what was asked for, and how it ended. */
function play(orchestrator: typeof runJob, input: unknown, answer: (asked: Asked) => unknown, timePasses = false) {
    const now = new Date(time);
    let again: unknown;
    const task = (kind: Asked['kind'], name?: string, given?: unknown) => ({
        kind,
        name,
        input: given,
        cancel: () => undefined,
        result: null,
    });
    const df = {
        getInput: () => input,
        currentUtcDateTime: now,
        isReplaying: true,
        callActivity: (name: string, given: unknown) => task('activity', name, given),
        callEntity: (_id: unknown, operation: string, given: unknown) => task('entity', operation, given),
        callSubOrchestrator: (name: string, given: unknown) => task('child', name, given),
        createTimer: (at: Date) => task('timer', undefined, at),
        waitForExternalEvent: (name: string) => task('event', name),
        continueAsNew: (given: unknown) => (again = given),
        Task: { all: (tasks: unknown[]) => task('all', undefined, tasks), any: (tasks: unknown[]) => task('any', undefined, tasks) },
    };
    const running = orchestrator({ df } as unknown as OrchestrationContext) as Generator<Asked, unknown, unknown>;
    const asked: Asked[] = [];
    const yielded = new Set<Asked>();
    for (let step = running.next(); ;) {
        if (step.done) return { asked, output: step.value, again };
        const { value } = step;
        for (const one of [value, ...(Array.isArray(value.input) ? (value.input as Asked[]) : [])]) {
            expect(yielded.has(one)).toBe(false);
            yielded.add(one);
        }
        asked.push(value);
        let result: unknown;
        try {
            result = answer(value);
        } catch (error) {
            step = running.throw(error);
            continue;
        }
        if (timePasses && value.kind === 'any') now.setTime((time += 30_000));
        step = running.next(result);
    }
}

const names = (asked: Asked[]) => asked.map((a) => a.name ?? a.kind);
const died = () => new Error("Activity function 'x' failed: node exited with code 137");
const plan = { ok: true, total: 10, invalid: 0, partitions: 1, concurrency: 32 };

describe('runJob', () => {
    test('plans, works, folds', () => {
        const settled = [
            { kind: 'work', workers: 2, round: 1 },
            { kind: 'done', as: 'completed', total: 10, invalid: 0, error: null },
        ];
        const { asked, output } = play(runJob, { jobId: 'j' }, (a) => {
            if (a.name === 'planJob') return plan;
            if (a.name === 'settle') return settled.shift();
            if (a.name === 'foldJob') return { kind: 'ended', state: 'completed' };
            return { kind: 'ok', state: 'completed' };
        });
        expect(names(asked)).toEqual(['planJob', 'open', 'settle', 'all', 'settle', 'foldJob', 'end']);
        expect(output).toEqual({ jobId: 'j', state: 'completed' });
    });

    test('planning that dies is tried ten times with pauses, and the job then ends as failed, PLAN_FAILED', () => {
        const { asked } = play(runJob, { jobId: 'j' }, (a) => {
            if (a.name === 'planJob') throw died();
            return a.name === 'foldJob' ? { kind: 'ended', state: 'failed' } : { kind: 'ok', state: 'failed' };
        });
        expect(asked.filter((a) => a.name === 'planJob')).toHaveLength(10);
        expect(asked.filter((a) => a.kind === 'timer')).toHaveLength(9);
        expect(asked.at(-2)).toMatchObject({ name: 'foldJob', input: { as: 'failed', error: { code: 'PLAN_FAILED' } } });
    });

    test('outcomes that are missing when it is folded send it back to work, each time under a number of its own', () => {
        const ranges = [[1, 3]];
        const lacking = { kind: 'lacking', ranges, counts: { succeeded: 6, failed: 0, skipped: 0, cancelled: 0, retries: 0 }, closed: 1 };
        const folds = [lacking, lacking, { kind: 'ended', state: 'completed' }];
        const { asked } = play(runJob, { jobId: 'j' }, (a) => {
            if (a.name === 'planJob') return plan;
            if (a.name === 'settle') return { kind: 'done', as: 'completed', total: 10, invalid: 0, error: null };
            return a.name === 'foldJob' ? folds.shift() : { kind: 'ok', state: 'completed' };
        });
        expect(asked.filter((a) => a.name === 'foldJob').map((a) => (a.input as { repairs: number }).repairs)).toEqual([0, 1, 2]);
        const reopened = asked.filter((a) => a.name === 'reopen').map((a) => a.input as LedgerOperation);
        expect(reopened).toMatchObject([
            { repair: 1, ranges, closed: 1 },
            { repair: 2, ranges, closed: 1 },
        ]);
    });

    test('a worker that fails is no end of the job, nor of what its siblings are at', () => {
        const settled = [
            { kind: 'work', workers: 2, round: 1 },
            { kind: 'wait', until: 1, code: 'WORK', why: 'a worker has failed; the others finish first' },
            { kind: 'work', workers: 2, round: 2 },
            { kind: 'done', as: 'completed', total: 10, invalid: 0, error: null },
        ];
        const { asked } = play(runJob, { jobId: 'j' }, (a) => {
            if (a.kind === 'all') throw new Error('a worker failed');
            if (a.name === 'planJob') return plan;
            if (a.name === 'settle') return settled.shift();
            return a.name === 'foldJob' ? { kind: 'ended', state: 'completed' } : { kind: 'ok', state: 'completed' };
        });
        expect(names(asked)).toEqual(['planJob', 'open', 'settle', 'all', 'timer', 'settle', 'any', 'settle', 'settle', 'foldJob', 'end']);
        expect(asked[5]!.input).toMatchObject({ broken: true });
    });

    const refused = { code: 'STORAGE_REFUSED', message: 'storage answered 403 to GET x' };
    /** Plays generation after generation, each timer taken as waited for, until the story ends. */
    function story(answer: (asked: Asked) => unknown) {
        const asked: Asked[] = [];
        let input: unknown = { jobId: 'j' };
        for (let generation = 0; generation < 20; generation++) {
            const played = play(runJob, input, answer, true);
            asked.push(...played.asked);
            if (!played.again) return { asked, output: played.output };
            input = played.again;
        }
        return { asked, output: null };
    }

    test('storage that refuses what planning needs is asked again, and then ends the job by name', () => {
        const { asked, output } = story((a) => {
            if (a.name === 'planJob') return { ok: false, trouble: refused };
            return a.name === 'foldJob' ? { kind: 'ended', state: 'failed' } : { kind: 'ok', state: 'failed' };
        });
        expect(asked.filter((a) => a.name === 'planJob').length).toBeGreaterThanOrEqual(6);
        expect(asked.find((a) => a.name === 'foldJob')?.input).toMatchObject({
            as: 'failed',
            error: { code: 'STORAGE_REFUSED', message: /403/ },
        });
        expect(output).toEqual({ jobId: 'j', state: 'failed' });
    });

    test('storage that is away is waited for, over generations', () => {
        const { asked, output } = story((a) =>
            a.name === 'planJob' ? { ok: false, trouble: { ...refused, code: 'STORAGE_AWAY' } } : undefined,
        );
        expect(output).toBeNull();
        expect(asked.filter((a) => a.name === 'planJob').length).toBeGreaterThan(100);
    });

    test('a fold that storage refuses is tried again; then it ends as failed; and when even that is refused, the ledger alone is told', () => {
        const { asked, output } = story((a) => {
            if (a.name === 'planJob') return plan;
            if (a.name === 'settle') return { kind: 'done', as: 'completed', total: 10, invalid: 0, error: null };
            return a.name === 'foldJob' ? { kind: 'trouble', trouble: refused } : { kind: 'ok', state: 'failed' };
        });
        const folds = asked.filter((a) => a.name === 'foldJob').map((a) => a.input as { as: string; error?: { code: string } });
        expect(folds[0]).toMatchObject({ as: 'completed' });
        expect(folds.at(-1)).toMatchObject({ as: 'failed', error: { code: 'STORAGE_REFUSED' } });
        expect(asked.at(-1)).toMatchObject({ name: 'end', input: { state: 'failed', error: { code: 'STORAGE_REFUSED' } } });
        expect(output).toEqual({ jobId: 'j', state: 'failed' });
    });

    test('it cannot fail: when all tries at a step have died, it stands still for a minute and begins a new generation', () => {
        const { asked, again } = play(runJob, { jobId: 'j', planned: true, startedAt: 'T' }, (a) => {
            if (a.kind === 'timer') return undefined;
            throw died();
        });
        expect(asked.at(-1)).toMatchObject({ kind: 'timer' });
        expect(again).toMatchObject({ jobId: 'j', planned: true });
    });

    test('a job that was brought to its end and has no summary yet is folded again when it is started anew', () => {
        const { asked } = play(runJob, { jobId: 'j' }, (a) => {
            if (a.name === 'planJob') return plan;
            if (a.name === 'settle') return { kind: 'ended', state: 'completed', total: 10, invalid: 0, error: null };
            return a.name === 'foldJob' ? { kind: 'ended', state: 'completed' } : { kind: 'ok', state: 'completed' };
        });
        expect(names(asked)).toEqual(['planJob', 'open', 'settle', 'foldJob', 'end']);
    });
});

describe('runWorker', () => {
    const lease = { epoch: 1, resume: [], from: 0, to: 1, mode: 'normal', concurrency: 32, startAt: null };

    test('a slice whose process dies is reported as such, and the next lease carried into a new generation', () => {
        const replies = [
            { kind: 'work', lease },
            { kind: 'work', lease: { ...lease, epoch: 2 } },
        ];
        const { asked, again } = play(runWorker, { jobId: 'j', round: 1, slot: 0 }, (a) => {
            if (a.name === 'processSlice') throw died();
            return replies.shift();
        });
        expect(names(asked)).toEqual(['lease', 'processSlice', 'lease']);
        expect(asked[2]!.input).toMatchObject({ seq: 2, report: { epoch: 1, lost: 'crashed' } });
        expect(again).toEqual({ v: 2, jobId: 'j', round: 1, slot: 0, seq: 2, lease: { ...anyLease, ...lease, epoch: 2, first: 2 } });
    });

    test('an operation whose process dies is told again, and an answer to stop ends the worker', () => {
        let deaths = 2;
        const { asked, output } = play(runWorker, { jobId: 'j', round: 1, slot: 0 }, (a) => {
            if (a.kind === 'timer') return undefined;
            if (deaths-- > 0) throw died();
            return { kind: 'stop', why: 'nothing is left' };
        });
        expect(names(asked)).toEqual(['lease', 'timer', 'lease', 'timer', 'lease']);
        expect(output).toEqual({ worker: 'r1w0', why: 'nothing is left' });
    });
});
