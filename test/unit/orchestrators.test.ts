// The orchestrators' story, told by hand: what they ask for, one step after the other, when things die on the way. Each task is yielded once.
import type { OrchestrationContext } from 'durable-functions';
import type { LedgerOperation } from '../../src/core/ledger';
import { runJob } from '../../src/orchestrators/runJob';
import { runWorker } from '../../src/orchestrators/runWorker';

interface Asked {
    kind: 'activity' | 'entity' | 'timer' | 'event' | 'child' | 'all' | 'any';
    name?: string;
    input?: unknown;
}

/** Runs an orchestrator; `answer` gives what each task comes to, or throws. Says what was asked for, and how it ended. */
function play(orchestrator: typeof runJob, input: unknown, answer: (asked: Asked) => unknown) {
    const now = new Date('2026-11-25T00:00:00Z');
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
            { kind: 'done', as: 'completed' },
        ];
        const { asked, output } = play(runJob, { jobId: 'j' }, (a) => {
            if (a.name === 'planJob') return plan;
            if (a.name === 'settle') return settled.shift();
            if (a.name === 'foldJob') return { state: 'completed' };
            return { kind: 'ok', state: 'completed' };
        });
        expect(names(asked)).toEqual(['planJob', 'open', 'settle', 'all', 'settle', 'foldJob', 'end']);
        expect(output).toEqual({ jobId: 'j', state: 'completed' });
    });

    test('planning that dies is tried ten times with pauses, and the job then ends as failed, PLAN_FAILED', () => {
        const { asked } = play(runJob, { jobId: 'j' }, (a) => {
            if (a.name === 'planJob') throw died();
            return a.name === 'foldJob' ? { state: 'failed' } : { kind: 'ok', state: 'failed' };
        });
        expect(asked.filter((a) => a.name === 'planJob')).toHaveLength(10);
        expect(asked.filter((a) => a.kind === 'timer')).toHaveLength(9);
        expect(asked.at(-2)).toMatchObject({ name: 'foldJob', input: { as: 'failed', error: { code: 'PLAN_FAILED' } } });
    });

    test('outcomes that are missing when it is folded send it back to work, each time under a number of its own', () => {
        const parts = [[1, 0, 4, 0, 0, 0, 0]];
        const lacking = { lacking: parts, counts: { succeeded: 6 }, closed: 1 };
        const folds = [lacking, lacking, { state: 'completed' }];
        const { asked } = play(runJob, { jobId: 'j' }, (a) => {
            if (a.name === 'planJob') return plan;
            if (a.name === 'settle') return { kind: 'done', as: 'completed' };
            return a.name === 'foldJob' ? folds.shift() : { kind: 'ok', state: 'completed' };
        });
        expect(asked.filter((a) => a.name === 'foldJob').map((a) => (a.input as { mends: number }).mends)).toEqual([0, 1, 2]);
        const reopened = asked.filter((a) => a.name === 'reopen').map((a) => a.input as LedgerOperation);
        expect(reopened).toMatchObject([
            { mend: 1, parts, closed: 1 },
            { mend: 2, parts, closed: 1 },
        ]);
    });

    test('a worker that fails is no end of the job', () => {
        const settled = [
            { kind: 'work', workers: 1, round: 1 },
            { kind: 'done', as: 'completed' },
        ];
        const { asked } = play(runJob, { jobId: 'j' }, (a) => {
            if (a.kind === 'all') throw new Error('a worker failed');
            if (a.name === 'planJob') return plan;
            if (a.name === 'settle') return settled.shift();
            return a.name === 'foldJob' ? { state: 'completed' } : { kind: 'ok', state: 'completed' };
        });
        expect(names(asked)).toEqual(['planJob', 'open', 'settle', 'all', 'timer', 'settle', 'foldJob', 'end']);
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
        expect(asked[2]!.input).toMatchObject({ seq: 2, report: { epoch: 1, lost: 'died' } });
        expect(again).toEqual({ jobId: 'j', round: 1, slot: 0, seq: 2, lease: { ...lease, epoch: 2 } });
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
