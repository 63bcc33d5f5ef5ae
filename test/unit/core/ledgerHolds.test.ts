// What holds calls off, and how many workers there are for what may be called: what the ledger makes of that.
import type { LeaseReply } from '../../../src/core/ledger';
import { LedgerJob as Job, nothing } from '../../support/ledgerJob';

const MINUTE = 60_000;

describe.each(['BREAKER_OPEN', 'GATE_CLOSED'] as const)('a hold that one call finds the end of (%s)', (code) => {
    test('ends the round; the next begins at its time with one worker, and the one after that has all again', () => {
        const job = new Job(128);
        expect(job.workers()).toBe(4);
        expect(job.slice(0, { hold: job.hold(code, MINUTE) })).toMatchObject({ kind: 'stop' });
        // The others are sent away with their slices.
        expect(job.ask(1)).toMatchObject({ kind: 'stop' });
        expect(job.settle()).toEqual({ kind: 'wait', until: job.now + MINUTE, code, why: 'HTTP 503' });
        expect(job.state.waiting).toEqual({ code, for: 'HTTP 503', until: job.now + MINUTE });
        job.now += MINUTE;
        expect(job.workers()).toBe(1);
        // The probe came back in vain.
        expect(job.slice(0, { worked: true, hold: job.hold(code, 2 * MINUTE) })).toMatchObject({ kind: 'stop' });
        job.now += 2 * MINUTE;
        expect(job.workers()).toBe(1);
        // And now well: whoever it was ends, for there is work for four.
        expect(job.slice(0, { worked: true })).toMatchObject({ kind: 'stop', why: 'there is work for another number of workers' });
        expect(job.workers()).toBe(4);
        expect(job.told).toEqual([`held ${code}`, `released ${code}`]);
    });

    test('holds nobody up who records what is left of a cancelled job', () => {
        const job = new Job(128);
        job.workers();
        job.slice(0, { hold: job.hold(code, MINUTE) });
        job.tell({ op: 'control', generation: 1, desired: 'cancel' });
        expect(job.workers()).toBe(4);
        expect(job.ask(0)).toMatchObject({ kind: 'work', lease: { mode: 'cancel' } });
    });
});

test.each(['NO_SHARE', 'OUTSIDE_WINDOWS'] as const)('after a hold that needs no finding out (%s) all workers are there at once', (code) => {
    const job = new Job(128);
    job.workers();
    job.slice(0, { hold: job.hold(code, MINUTE) });
    job.now += MINUTE;
    expect(job.workers()).toBe(4);
});

test('a hold that becomes another one is told as that, and one that goes on is not told again', () => {
    const job = new Job(32);
    job.workers();
    for (const code of ['GATE_CLOSED', 'GATE_CLOSED', 'BREAKER_OPEN'] as const) {
        job.slice(0, { hold: job.hold(code, MINUTE) });
        job.now += MINUTE;
        job.workers();
    }
    job.slice(0, { worked: true });
    expect(job.told).toEqual(['held GATE_CLOSED', 'held BREAKER_OPEN', 'released BREAKER_OPEN']);
});

test('a slice that knows a hold of before it was lifted holds nothing up; what is found later does', () => {
    const job = new Job(32);
    job.workers();
    job.tell({ op: 'control', generation: 0, desired: 'run', lifted: true });
    job.now += 2_000;
    expect(job.slice(0, { hold: job.hold('GATE_CLOSED', MINUTE) })).toMatchObject({ kind: 'wait', code: 'WORK' });
    expect(job.state.hold).toBeNull();
    job.now += 10_000;
    job.workers();
    expect(job.slice(0, { hold: job.hold('GATE_CLOSED', MINUTE) })).toMatchObject({ kind: 'stop' });
    expect(job.state.hold).toMatchObject({ code: 'GATE_CLOSED' });
});

test('a hold of seconds is waited for by the worker itself', () => {
    const job = new Job(32);
    job.workers();
    expect(job.slice(0, { hold: job.hold('BREAKER_OPEN', 4_000) })).toMatchObject({ kind: 'wait', code: 'BREAKER_OPEN' });
});

describe('workers', () => {
    test('are as many as the calls in flight that are of use have work for', () => {
        const job = new Job(128);
        expect(job.workers()).toBe(4);
        // Twenty calls in flight are all that the rate can use.
        expect(job.slice(0, { worked: true, useful: 20 })).toMatchObject({
            kind: 'stop',
            why: 'there is work for another number of workers',
        });
        expect(job.workers()).toBe(1);
        expect(job.slice(0, { worked: true, useful: 40 })).toMatchObject({ kind: 'stop' });
        expect(job.workers()).toBe(2);
        // Somewhat more is no reason to end a round.
        expect(job.slice(0, { worked: true, useful: 70 }).kind).toBe('work');
    });

    test('are all there again when nothing limits the target any more, and one where nothing is of use', () => {
        const job = new Job(128);
        job.workers();
        job.slice(0, { worked: true, useful: 0 });
        expect(job.workers()).toBe(1);
        job.slice(0, { worked: true, useful: null });
        expect(job.workers()).toBe(4);
    });

    test('of one job are four on one instance, and eight when its slices are seen on two', () => {
        const job = new Job(512);
        expect(job.workers()).toBe(4);
        expect(job.slice(0, { worked: true, process: 'one' }).kind).toBe('work');
        const held = job.ask(1);
        expect(held.kind).toBe('work');
        const { epoch, from } = (held as Extract<LeaseReply, { kind: 'work' }>).lease;
        expect(job.ask(1, { ...nothing, epoch, untouched: from, worked: true, process: 'two' })).toMatchObject({ kind: 'stop' });
        expect(job.workers()).toBe(8);
        // One that nothing has been heard from for a minute is not counted.
        job.now += 61_000;
        expect(job.ask(0)).toMatchObject({ kind: 'stop', why: 'there is work for another number of workers' });
        expect(job.workers()).toBe(4);
    });
});
