// Control without HTTP: what is decided, what is written, and who is told, against ports in memory.
import { noted } from '../../support/log';
import { controlJob } from '../../../src/application/controlJob';
import type { JobEngine } from '../../../src/application/jobEngine';
import { stateOf, type JobFacts } from '../../../src/application/readJob';
import { newControl, type Control } from '../../../src/core/control';
import { newLedger } from '../../../src/core/ledger';
import { decideMove, states, type JobState } from '../../../src/core/states';
import type { JobStore } from '../../../src/storage/jobStore';

const NOW = Date.parse('2026-11-01T12:00:00Z');

/** A job whose ledger is in this state, and what was done to it. `summary`: the state in which it has ended for its users. */
function stage({ ledger, summary, exists = true }: { ledger?: JobState; summary?: JobState; exists?: boolean } = {}) {
    const done: string[] = [];
    let control = newControl();
    const store = {
        readJob: async (id: string) => (exists ? { id, createdAt: new Date(NOW).toISOString(), spec: {} } : null),
        readSummary: async () => (summary ? { state: summary } : null),
        readControl: async () => control,
        changeControl: async (_id: string, change: (now: Control) => Control | null) => {
            done.push('document');
            return (control = change(control) ?? control);
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
    expect(facts.control.moves).toEqual([{ move: 'cancel', by: 'test', reason: 'enough', at: '2026-11-01T12:00:00.000Z' }]);
    expect(stateOf(facts)).toBe('cancelling');
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

test('where a cancel is legal, for every state', () => {
    const expected: Record<JobState, string> = {
        planning: 'make',
        running: 'make',
        cancelling: 'underWay',
        folding: 'illegal',
        completed: 'illegal',
        failed: 'illegal',
        cancelled: 'illegal',
    };
    expect(Object.fromEntries(states.map((state) => [state, decideMove(state, 'cancel').kind]))).toEqual(expected);
});

test('a job shows as folding until its summary is there, unless storage refuses even that', () => {
    const ledger = { ...newLedger('j'), state: 'failed' as const };
    const facts: JobFacts = { summary: null, ledger, control: newControl() };
    expect(stateOf(facts)).toBe('folding');
    expect(stateOf({ ...facts, ledger: { ...ledger, failure: { code: 'STORAGE_REFUSED', message: '' } } })).toBe('failed');
    expect(stateOf({ ...facts, ledger: null })).toBe('planning');
});
