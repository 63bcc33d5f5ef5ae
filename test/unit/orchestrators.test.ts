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
function play(orchestrator: typeof runJob, input: unknown, answer: (asked: Asked) => unknown, timePasses = false, version?: string) {
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
        version,
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

    const over = { kind: 'over', generation: 3, then: 'pause', why: '20 items have failed' };
    const judge = { kind: 'judge', generation: 3, partitions: 2, calls: { latencies: {}, statuses: {} }, ranForMs: 5, overdue: false };
    const done = { kind: 'done', as: 'completed', total: 10, invalid: 0, error: null };
    /** The story of a job that is planned, whose ledger answers so, one after the other, and whose activities answer that. */
    const told = (settled: unknown[], activities: Record<string, () => unknown>, state = 'running') =>
        play(runJob, { jobId: 'j', planned: true, startedAt: 'T' }, (a) => {
            if (a.kind === 'timer' || a.kind === 'any') return undefined;
            if (a.name === 'settle') return settled.shift();
            if (a.name === 'foldJob') return { kind: 'ended', state: 'completed' };
            return (activities[a.name ?? ''] ?? (() => ({ kind: 'ok', state })))();
        });

    test('plans with a canary and a budget, and the ledger hears of both', () => {
        const with_ = { canary: { items: 5, partitions: 1, timeoutMs: 60_000 }, budget: { failures: 3, minimum: 50, then: 'pause' } };
        const { asked } = play(runJob, { jobId: 'j' }, (a) => {
            if (a.name === 'planJob') return { ...plan, ...with_, deadline: 99 };
            if (a.name === 'settle') return done;
            return a.name === 'foldJob' ? { kind: 'ended', state: 'completed' } : { kind: 'ok', state: 'completed' };
        });
        expect(asked[1]).toMatchObject({ name: 'open', input: { ...with_, deadline: 99, maxConcurrency: 32 } });
    });

    test('a limit of the budget that is reached is written to the control document, and the ledger hears what stands there', () => {
        const control = { generation: 4, desired: 'pause', ending: null };
        const { asked } = told([over, done], { stopOverBudget: () => ({ kind: 'control', control }) });
        expect(names(asked)).toEqual(['settle', 'stopOverBudget', 'control', 'settle', 'foldJob', 'end']);
        expect(asked[1]!.input).toMatchObject({ jobId: 'j', generation: 3, then: 'pause', why: '20 items have failed' });
        expect(asked[2]!.input).toMatchObject(control);
    });

    test('where the document says that the job is to go on, the ledger is not asked again at once', () => {
        const control = { generation: 4, desired: 'run', ending: null };
        const { asked } = told([over, done], { stopOverBudget: () => ({ kind: 'control', control }) });
        expect(names(asked)).toEqual(['settle', 'stopOverBudget', 'control', 'timer', 'settle', 'foldJob', 'end']);
    });

    test('a canary that has come to its end is judged, and the ledger hears the word on it', () => {
        const control = { generation: 4, desired: 'run', ending: null, approval: 'approved' };
        const { asked } = told([judge, done], { judgeCanary: () => ({ kind: 'control', control, asks: false }) });
        expect(names(asked)).toEqual(['settle', 'judgeCanary', 'judged', 'settle', 'foldJob', 'end']);
        expect(asked[1]!.input).toMatchObject({ jobId: 'j', partitions: 2, ranForMs: 5, overdue: false });
        expect(asked[2]!.input).toMatchObject({ asks: false, approval: 'approved', generation: 4 });
    });

    test('while somebody is asked, an hour is waited, or until the job is woken; the timeout is asked about once a second where clocks differ', () => {
        const approval = { kind: 'wait', until: time + 20 * 86_400_000, code: 'APPROVAL', why: 'somebody' };
        const control = { generation: 4, desired: 'run', ending: null };
        const judgeCanary = () => ({ kind: 'control', control, asks: true });
        const { asked } = told([judge, approval, { ...judge, overdue: true }, done], { judgeCanary }, 'awaitingApproval');
        expect(names(asked)).toEqual([
            ...['settle', 'judgeCanary', 'judged', 'settle', 'any', 'settle', 'judgeCanary', 'judged', 'timer', 'settle', 'foldJob', 'end'],
        ]);
        const [, timer] = asked[4]!.input as Asked[];
        expect((timer!.input as Date).getTime()).toBe(time + 3_600_000);
        expect(asked[6]!.input).toMatchObject({ overdue: true });
    });

    test.each([
        ['stopOverBudget', over],
        ['judgeCanary', judge],
    ] as const)('trouble of %s is waited for; refused for good, it ends the job by name', (activity, reply) => {
        let wasGivenUp = false;
        const { asked, output } = story((a) => {
            if (a.name === 'planJob') return plan;
            if (a.name === 'settle') return wasGivenUp ? { ...done, as: 'failed', error: refused } : reply;
            if (a.name === 'giveUp') wasGivenUp = true;
            if (a.name === activity) return { kind: 'trouble', trouble: refused };
            return a.name === 'foldJob' ? { kind: 'ended', state: 'failed' } : { kind: 'ok', state: 'running' };
        });
        expect(asked.filter((a) => a.name === activity).length).toBeGreaterThanOrEqual(6);
        expect(asked.find((a) => a.name === 'giveUp')?.input).toMatchObject({ error: { code: 'STORAGE_REFUSED' } });
        expect(asked.filter((a) => a.name === 'giveUp')).toHaveLength(1);
        expect(output).toMatchObject({ jobId: 'j' });
    });

    test('trouble of a step is told to the ledger, which shows it', () => {
        const settled = [over, done];
        const { asked } = play(
            runJob,
            { jobId: 'j', planned: true, startedAt: 'T' },
            (a) => {
                if (a.name === 'settle') return settled.shift();
                if (a.name === 'stopOverBudget') return { kind: 'trouble', trouble: refused };
                return a.name === 'foldJob' ? { kind: 'ended', state: 'completed' } : { kind: 'ok', state: 'completed' };
            },
            false,
            '1.1',
        );
        expect(names(asked).slice(0, 4)).toEqual(['settle', 'stopOverBudget', 'note', 'any']);
        expect(asked[2]!.input).toMatchObject({ step: 'budget', trouble: { code: 'STORAGE_REFUSED' } });
    });

    test('an activity whose process dies is asked again: what it had written stands', () => {
        let deaths = 2;
        const control = { generation: 4, desired: 'pause', ending: null };
        const { asked } = told([over, done], {
            stopOverBudget: () => {
                if (deaths-- > 0) throw died();
                return { kind: 'control', control };
            },
        });
        expect(names(asked).filter((name) => name === 'stopOverBudget')).toHaveLength(3);
    });

    test('why it was not run to its end comes to its summary', () => {
        const { asked } = told([{ ...done, as: 'cancelled', ending: 'rejected' }], {});
        expect(asked.find((a) => a.name === 'foldJob')!.input).toMatchObject({ as: 'cancelled', ending: 'rejected' });
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

    const over = { generation: 3, then: 'pause', why: '20 items have failed' };
    const ends = (stopped: () => unknown) =>
        play(runWorker, { jobId: 'j', round: 1, slot: 0 }, (a) => {
            if (a.name === 'stopOverBudget') return stopped();
            return a.name === 'lease' ? { kind: 'stop', why: over.why, over } : { kind: 'ok', state: 'paused' };
        });

    test('a worker that meets a limit of the budget has it written at once, for the others of its round', () => {
        const control = { generation: 4, desired: 'pause', ending: null };
        const { asked, output } = ends(() => ({ kind: 'control', control }));
        expect(names(asked)).toEqual(['lease', 'stopOverBudget', 'control']);
        expect(asked[1]!.input).toMatchObject({ jobId: 'j', ...over });
        expect(asked[2]!.input).toMatchObject(control);
        expect(output).toEqual({ worker: 'r1w0', why: over.why });
    });

    test.each<[string, () => unknown]>([
        [
            'that dies',
            () => {
                throw died();
            },
        ],
        ['that storage refuses', () => ({ kind: 'trouble', trouble: { code: 'STORAGE_REFUSED', message: 'no' } })],
        ['of a newer version', () => ({ v: 99 })],
    ])('an attempt at that %s is left to runJob', (_what, stopped) => {
        const { asked, output } = ends(stopped);
        expect(names(asked)).toEqual(['lease', 'stopOverBudget']);
        expect(output).toEqual({ worker: 'r1w0', why: over.why });
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
