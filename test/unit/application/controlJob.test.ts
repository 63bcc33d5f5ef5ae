// Control without HTTP: what is decided, what is written, and who is told, against ports in memory.
import { noted } from '../../support/log';
import { controlJob } from '../../../src/application/controlJob';
import { jobSpec } from '../../../src/contracts/jobSpec';
import type { JobEngine } from '../../../src/application/jobEngine';
import { stateOf, type JobFacts } from '../../../src/application/readJob';
import { newControl, type Control } from '../../../src/core/control';
import { newLedger } from '../../../src/core/ledger';
import { decideMove, states, type Desire, type JobState, type UserMove } from '../../../src/core/states';
import type { JobStore } from '../../../src/storage/jobStore';

const NOW = Date.parse('2026-11-01T12:00:00Z');
const spec = jobSpec.parse({ source: { blob: 'x' }, process: { processor: 'digest' } });
const job = { createdAt: new Date(NOW).toISOString(), spec };

/** A job whose ledger is in this state, and what was done to it. `summary`: the state in which it has ended for its users. */
function stage({ ledger, summary, exists = true }: { ledger?: JobState; summary?: JobState; exists?: boolean } = {}) {
    const done: string[] = [];
    let control = newControl();
    const store = {
        readJob: async (id: string) => (exists ? { id, ...job } : null),
        readSummary: async () => (summary ? { state: summary } : null),
        readControl: async () => control,
        changeControl: async (_id: string, change: (now: Control) => Control | null) => {
            const changed = change(control);
            done.push('document');
            return (control = changed ?? control);
        },
    } as unknown as JobStore;
    const engine: JobEngine = {
        stateOf: async () => (done.push('look'), 'active'),
        start: async () => void done.push('start'),
        readLedger: async (id) => (ledger ? { ...newLedger(id), state: ledger } : null),
        tellLedger: async (_id, { generation, desired }) => void done.push(`tell ${generation} ${desired}`),
        wake: async (_id, { generation }) => void done.push(`wake ${generation}`),
    };
    const { log, warnings } = noted();
    const cancel = () =>
        controlJob({ store, engine, clock: () => NOW, log }, 'j', {
            move: 'cancel',
            by: 'test',
            reason: 'enough',
        });
    return { done, warnings, engine, cancel };
}

test('a cancel is written before anyone is told of it, with who asked, why and when', async () => {
    const { cancel, done } = stage({ ledger: 'running' });
    const { facts } = await cancel();
    expect(done).toEqual(['document', 'look', 'tell 1 cancel', 'wake 1']);
    const made = { kind: 'move', move: 'cancel', by: 'test', reason: 'enough', at: NOW, generation: 1, id: expect.any(String) as string };
    expect(facts.control.changes.first).toEqual([made]);
    expect(stateOf(facts, job, NOW)).toBe('cancelling');
});

test('a cancel that is asked for again is told again and changes nothing', async () => {
    const { cancel, done } = stage({ ledger: 'running' });
    const first = await cancel();
    const second = await cancel();
    expect(second.facts.control).toEqual(first.facts.control);
    expect(done.filter((d) => d === 'tell 1 cancel')).toHaveLength(2);
});

test('a job that cannot be woken up is cancelled all the same', async () => {
    const { cancel, engine, done, warnings } = stage({ ledger: 'running' });
    engine.wake = async () => Promise.reject(new Error('gone'));
    await cancel();
    expect(done).toContain('tell 1 cancel');
    expect(warnings).toHaveLength(1);
});

test.each(['completed', 'failed', 'cancelled'] as const)('an ended job is not changed: %s', async (summary) => {
    const { cancel, done } = stage({ summary });
    await expect(cancel()).rejects.toMatchObject({
        code: 'ILLEGAL_MOVE',
        details: { jobId: 'j', state: summary, move: 'cancel', allowed: [] },
    });
    expect(done).toEqual([]);
});

test('a job in its fold is not cancelled, but looked after', async () => {
    const { cancel, done } = stage({ ledger: 'folding' });
    await expect(cancel()).rejects.toMatchObject({ code: 'ILLEGAL_MOVE', details: { state: 'folding' } });
    expect(done).toEqual(['look']);
});

test('a job that is not there is not found', async () => {
    await expect(stage({ exists: false }).cancel()).rejects.toMatchObject({ code: 'JOB_NOT_FOUND' });
});

/** What a move comes to, by what is wanted of the job already. */
const kinds = (move: UserMove, desired: Desire) =>
    Object.fromEntries(states.map((state) => [state, decideMove(state, move, { desired, approval: null }).kind]));
const ends = { folding: 'illegal', completed: 'illegal', failed: 'illegal', cancelled: 'illegal', expired: 'illegal' };
const cancels = {
    ...{
        scheduled: 'make',
        planning: 'make',
        canary: 'make',
        awaitingApproval: 'make',
        running: 'make',
        paused: 'make',
        cancelling: 'underWay',
    },
    ...ends,
};
const never = { ...Object.fromEntries(states.map((state) => [state, 'illegal'])) } as Record<JobState, string>;
const pauses = { ...never, planning: 'make', canary: 'make', running: 'make', paused: 'underWay' };
const resumes = { ...never, canary: 'underWay', running: 'underWay', paused: 'make' };

test.each<[UserMove, Desire, Record<JobState, string>]>([
    ['cancel', 'run', cancels],
    ['cancel', 'pause', cancels],
    ['pause', 'run', pauses],
    // A pause of a job that is planned waits for its plan, and can be taken back until then.
    ['pause', 'pause', { ...pauses, planning: 'underWay' }],
    ['resume', 'run', resumes],
    ['resume', 'pause', { ...resumes, planning: 'make' }],
    ['approve', 'run', { ...never, awaitingApproval: 'make' }],
    ['reject', 'run', { ...never, awaitingApproval: 'make' }],
])('where %s is legal of a job that is wanted to %s, for every state', (move, desired, expected) => {
    expect(kinds(move, desired)).toEqual(expected);
});

test('a word on a canary that was said already is said again without harm, where the job is where it leads', () => {
    const approved = { desired: 'run', approval: { is: 'approved' } } as const;
    const rejected = { desired: 'cancel', approval: { is: 'rejected' } } as const;
    expect(decideMove('running', 'approve', approved).kind).toBe('underWay');
    expect(decideMove('cancelling', 'reject', rejected).kind).toBe('underWay');
    // Other words are not taken back by that.
    expect(decideMove('running', 'reject', approved)).toEqual({ kind: 'illegal', allowed: ['pause', 'cancel'] });
    expect(decideMove('cancelling', 'approve', rejected)).toEqual({ kind: 'illegal', allowed: [] });
    // Nor was it said of a job that runs without one.
    expect(decideMove('running', 'approve', { desired: 'run', approval: null }).kind).toBe('illegal');
    expect(decideMove('cancelling', 'reject', { desired: 'cancel', approval: null }).kind).toBe('illegal');
});

test('a job shows as folding until its summary is there, unless storage refuses even that', () => {
    const ledger = { ...newLedger('j'), state: 'failed' as const };
    const facts: JobFacts = { summary: null, ledger, control: newControl() };
    expect(stateOf(facts, job, NOW)).toBe('folding');
    expect(stateOf({ ...facts, ledger: { ...ledger, failure: { code: 'STORAGE_REFUSED', message: '' } } }, job, NOW)).toBe('failed');
    expect(stateOf({ ...facts, ledger: null }, job, NOW)).toBe('planning');
    expect(stateOf({ ...facts, ledger: null }, { ...job, spec: { ...spec, startAt: '2026-11-02T00:00:00Z' } }, NOW)).toBe('scheduled');
});
