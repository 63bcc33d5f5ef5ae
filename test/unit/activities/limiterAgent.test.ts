import { LimiterAgent, type TargetCall } from '../../../src/activities/limits/limiterAgent';
import type { RegisterStore } from '../../../src/activities/limits/registerClient';
import { parseRate, type Rate } from '../../../src/core/limiter/rate';
import { newRegister, settled, type Register, type Settings } from '../../../src/core/limiter/register';
import { usedOf } from '../../../src/core/limiter/windows';
import { Log } from '../../../src/log';
import { FakeClock } from '../../support/fakeClock';

const EPOCH = 1_790_000_000_000;
const rates = (...texts: string[]): Rate[] => texts.map((text) => parseRate(text)!);

/** Storage that answers at once, or not at all. */
class Store implements RegisterStore {
    register: Register | null = null;
    version = 0;
    writes = 0;
    isAway = false;
    losesAnswers = false;

    constructor(private readonly clock: FakeClock) {}

    async read(_: string, etag: string | null): ReturnType<RegisterStore['read']> {
        if (this.isAway) throw new Error('away');
        const date = Math.floor((EPOCH + this.clock.now()) / 1_000) * 1_000;
        if (!this.register) return { found: 'none', date };
        return etag === String(this.version)
            ? { found: 'same', date }
            : { found: 'register', register: this.register, etag: String(this.version), date };
    }

    async replace(register: Register, etag: string | null): ReturnType<RegisterStore['replace']> {
        if (this.isAway) throw new Error('away');
        if (etag !== (this.register && String(this.version))) return { written: false };
        this.writes++;
        this.register = structuredClone(register);
        this.version++;
        if (this.losesAnswers) throw new Error('lost');
        return { written: true, etag: String(this.version) };
    }

    put(settings: Settings): void {
        this.register = settled(this.register ?? newRegister('target'), settings, 'admin', EPOCH + this.clock.now());
        this.version++;
    }
}

const clock = new FakeClock();
let store = new Store(clock);
let names = 0;
const silent = new Log({ log: () => undefined, warn: () => undefined });
const agentOf = (onIdle?: () => void): LimiterAgent =>
    new LimiterAgent({
        name: 'target',
        store,
        clock,
        chance: () => 0.5,
        holder: `holder-${++names}`,
        log: silent,
        ...(onIdle ? { onIdle } : {}),
    });

async function joined(agent: LimiterAgent, id: string, ...texts: string[]): Promise<() => void> {
    const { ready, leave } = agent.join({ id, rates: () => rates(...texts), changed: () => undefined });
    await ready;
    await clock.pass(0);
    return leave;
}

/** Makes calls for so many ms, as many as may be made; each ends at once. */
async function calls(agent: LimiterAgent, job: string, ms: number): Promise<number> {
    let made = 0;
    for (const until = clock.now() + ms; clock.now() < until; await clock.pass(10))
        while (agent.admit(job) === 'admitted') {
            made++;
            agent.ended(job, { evidence: 'answered', began: clock.now(), isProven: false, why: '' });
        }
    return made;
}
const one = (agent: LimiterAgent, job: string, end: Partial<TargetCall> = {}): void => {
    expect(agent.admit(job)).toBe('admitted');
    agent.ended(job, { evidence: 'answered', began: clock.now(), isProven: false, why: '', ...end });
};

beforeEach(() => {
    store = new Store(clock);
});

test('where nothing is limited nothing is written, and a call is a call', async () => {
    const agent = agentOf();
    await joined(agent, 'job');
    for (let i = 0; i < 1_000; i++) one(agent, 'job');
    await clock.pass(60_000);
    expect(store.writes).toBe(0);
    expect(agent.wait()).toBeNull();
});

test('storage is away: calls go on for as long as the share is valid, and again when it is back', async () => {
    const agent = agentOf();
    await joined(agent, 'job', '10/s');
    await calls(agent, 'job', 5_000);
    store.isAway = true;
    const before = await calls(agent, 'job', 12_000);
    expect(before).toBeGreaterThan(60);
    expect(await calls(agent, 'job', 60_000)).toBe(0);
    expect(agent.wait()).toMatchObject({ code: 'NO_SHARE' });
    store.isAway = false;
    await clock.pass(2_000);
    expect(await calls(agent, 'job', 1_000)).toBeGreaterThan(5);
});

test('a first look that storage refuses is told to who waits for it, and made again for the next', async () => {
    const agent = agentOf();
    store.isAway = true;
    await expect(joined(agent, 'job')).rejects.toThrow('away');
    store.isAway = false;
    await joined(agent, 'job');
    one(agent, 'job');
});

test('calls whose renewal had its answer lost are counted once', async () => {
    const agent = agentOf();
    await joined(agent, 'job', '10/s', '1000/min');
    let made = await calls(agent, 'job', 3_000);
    store.losesAnswers = true;
    made += await calls(agent, 'job', 8_000);
    store.losesAnswers = false;
    await clock.pass(8_000);
    const [window] = store.register!.windows;
    expect(made).toBeGreaterThan(80);
    expect(usedOf(window!)).toBe(made);
});

test('a refusal closes the gate here at once, and for others at their next look', async () => {
    const [first, second] = [agentOf(), agentOf()];
    await joined(first, 'a');
    await joined(second, 'a');
    one(first, 'a', { evidence: 'throttled', retryAfterMs: 60_000 });
    expect(first.admit('a')).toMatchObject({ why: 'gate' });
    expect(second.admit('a')).toBe('admitted');
    await clock.pass(6_000);
    expect(second.admit('a')).toMatchObject({ why: 'gate' });
    expect(second.wait()).toMatchObject({ code: 'GATE_CLOSED' });
});

test('one process has the scout, makes one call, and its success opens the gate for both', async () => {
    const [first, second] = [agentOf(), agentOf()];
    await joined(first, 'a');
    await joined(second, 'a');
    one(first, 'a', { evidence: 'throttled', retryAfterMs: 60_000 });
    await clock.pass(900);
    expect(first.admit('a')).toMatchObject({ why: 'gate' });
    await clock.pass(5_200);
    const scouts = [first, second].filter((agent) => agent.wait()?.ms === 0);
    expect(scouts).toHaveLength(1);
    one(scouts[0]!, 'a');
    expect(scouts[0]!.admit('a')).toMatchObject({ why: 'gate' });
    await clock.pass(3_000);
    for (const agent of [first, second]) {
        expect(agent.wait()?.code).not.toBe('GATE_CLOSED');
        expect(agent.meansRetryAfter).toBe(false);
    }
});

test('a pause of an hour is kept also when storage cannot be told', async () => {
    const agent = agentOf();
    await joined(agent, 'job');
    store.isAway = true;
    one(agent, 'job', { evidence: 'throttled', retryAfterMs: 3_600_000 });
    await clock.pass(600_000);
    expect(agent.admit('job')).toMatchObject({ why: 'gate' });
    // A slice waits here: as soon as storage is back, a scout may go.
    expect(agent.wait()!.ms).toBeLessThanOrEqual(1_000);
});

test('a 429 that says nothing is left closes the gate as a Retry-After does', async () => {
    const agent = agentOf();
    await joined(agent, 'job');
    one(agent, 'job', { evidence: 'throttled', hint: { remaining: 0, resetMs: 20_000 } });
    expect(agent.admit('job')).toMatchObject({ why: 'gate' });
});

test('an errand that nobody uses is over after half a minute', async () => {
    const agent = agentOf();
    await joined(agent, 'job');
    one(agent, 'job', { evidence: 'throttled', retryAfterMs: 3_600_000 });
    await clock.pass(1_500);
    expect(agent.wait()!.ms).toBe(0);
    store.isAway = true;
    await clock.pass(31_000);
    expect(agent.wait()!.ms).toBeGreaterThan(0);
    expect(agent.admit('job')).toMatchObject({ why: 'gate' });
});

test('an errand whose call was never sent is made by the next', async () => {
    const agent = agentOf();
    await joined(agent, 'job');
    one(agent, 'job', { evidence: 'throttled', retryAfterMs: 3_600_000 });
    await clock.pass(1_500);
    one(agent, 'job', { evidence: 'none' });
    expect(agent.admit('job')).toBe('admitted');
    expect(agent.admit('job')).toMatchObject({ why: 'gate' });
});

test('a job that joins with a rate has none until its rate is told, and no more than that from then on', async () => {
    const agent = agentOf();
    store.put({ rates: [], inFlight: 1_000 });
    await joined(agent, 'free');
    for (let i = 0; i < 100; i++) one(agent, 'free');
    const { ready } = agent.join({ id: 'slow', rates: () => rates('10/s'), changed: () => undefined });
    await ready;
    expect(agent.admit('free')).toMatchObject({ why: 'share' });
    await clock.pass(1_000);
    expect(await calls(agent, 'free', 10_000)).toBeLessThanOrEqual(97);
});

test('what an administrator has set reaches a running slice within two seconds where anything was limited before', async () => {
    const agent = agentOf();
    await joined(agent, 'job', '100/s');
    await calls(agent, 'job', 1_000);
    store.put({ rates: rates('5/s'), inFlight: null });
    await clock.pass(2_300);
    expect(await calls(agent, 'job', 10_000)).toBeLessThanOrEqual(50);
});

test('places are shared out, and a call that ends frees one', async () => {
    store.put({ rates: [], inFlight: 2 });
    const agent = agentOf();
    await joined(agent, 'job');
    expect([agent.admit('job'), agent.admit('job')]).toEqual(['admitted', 'admitted']);
    expect(agent.admit('job')).toEqual({ why: 'inFlight', waitMs: null });
    agent.ended('job', { evidence: 'answered', began: clock.now(), isProven: false, why: '' });
    expect(agent.admit('job')).toBe('admitted');
});

test('ten connection errors in a row: nobody calls, one probe is made after a second, and its success lets all go on', async () => {
    const [first, second] = [agentOf(), agentOf()];
    await joined(first, 'a');
    await joined(second, 'a');
    for (let i = 0; i < 10; i++) one(first, 'a', { evidence: 'unreachable', why: 'ECONNREFUSED' });
    expect(first.admit('a')).toMatchObject({ why: 'breaker' });
    expect(first.blame('unreachable', clock.now())).toBe('target');
    await clock.pass(6_000);
    expect(second.targetIsAway).toBe(true);
    expect(second.wait()).toMatchObject({ code: 'BREAKER_OPEN', why: 'ECONNREFUSED' });
    const probes = [first, second].filter((agent) => agent.wait()?.ms === 0);
    expect(probes).toHaveLength(1);
    one(probes[0]!, 'a');
    await clock.pass(3_000);
    expect([first.targetIsAway, second.targetIsAway]).toEqual([false, false]);
});

test('a process that is cut off does not stop those that have answers', async () => {
    const [cut, other] = [agentOf(), agentOf()];
    await joined(cut, 'a');
    await joined(other, 'a');
    for (let i = 0; i < 10; i++) one(cut, 'a', { evidence: 'unreachable', why: 'ENETDOWN' });
    for (let t = 0; t < 10_000; t += 100) {
        one(other, 'a');
        await clock.pass(100);
    }
    expect(store.register!.breaker).toBeNull();
    expect(cut.targetIsAway).toBe(false);
});

test('an agent without a slice leaves after three seconds, and its share is free', async () => {
    let isIdle = false;
    const agent = agentOf(() => (isIdle = true));
    const leave = await joined(agent, 'job', '10/s');
    leave();
    leave();
    await clock.pass(2_000);
    expect(isIdle).toBe(false);
    await clock.pass(1_500);
    expect(isIdle).toBe(true);
    expect(store.register!.holders).toEqual({});
});

test('an agent whose last slice has gone goes on where another comes in time', async () => {
    const agent = agentOf(() => expect('idle').toBe('never'));
    const leave = await joined(agent, 'job', '10/s');
    leave();
    await clock.pass(1_000);
    await joined(agent, 'job', '10/s');
    await clock.pass(10_000);
    expect(await calls(agent, 'job', 1_000)).toBeGreaterThan(5);
});

test('an agent that was without a slice looks anew for the next: what closed the target may have been lifted meanwhile', async () => {
    const agent = agentOf();
    const leave = await joined(agent, 'job');
    one(agent, 'job', { evidence: 'throttled', retryAfterMs: 600_000 });
    await clock.pass(1_300);
    expect(agent.wait()).toMatchObject({ code: 'GATE_CLOSED' });
    leave();
    store.put({ rates: [], inFlight: null });
    await joined(agent, 'job');
    expect(agent.wait()).toBeNull();
});

test('what a slice has learned of calls in flight is known to others', async () => {
    const [first, second] = [agentOf(), agentOf()];
    await joined(first, 'a', '50/s');
    first.learn('j', { limit: 24, isMost: false }, { slot: 0, of: 1 });
    await clock.pass(6_000);
    await joined(second, 'a', '50/s');
    expect([first.learnedInFlight, second.learnedInFlight]).toEqual([24, 24]);
});
