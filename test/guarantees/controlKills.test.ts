// What users have wanted of a job is in force whatever becomes of the host: it is paused, resumed and killed again and again, and nothing is lost,
// called while it is paused, or counted down.
import { setTimeout as sleep } from 'node:timers/promises';
import type { UserMove } from '../../src/client';
import { dice } from '../support/dice';
import { fallen } from '../support/fallen';
import type { ObservedTarget } from '../support/observedTarget';
import { past, until } from '../support/until';
import { again, useKilledHost } from './killedHost';
import { breaches, clientOf, ended, results, startJob, type Job } from './support';

const SEED = Number(process.env.FANFOLD_KILLS_SEED ?? 20_261_130);
const ITEMS = 2_000;
/** What is promised of a pause, and so much longer nothing is called, in ms. */
const BITES_MS = 2_000;
const STILL_MS = 5_000;

const killed = useKilledHost();

/** The moves that were accepted, in their order. */
class User {
    readonly made: UserMove[] = [];
    constructor(private readonly id: string) {}

    async ask(move: 'pause' | 'resume', reason: string): Promise<Job> {
        const client = clientOf(killed.host);
        const how = { reason, retry: again };
        const answer = await (move === 'pause' ? client.pauseJob(this.id, how) : client.resumeJob(this.id, how));
        // Asked for while it is so already, it is no move.
        if ((this.made.at(-1) ?? 'resume') !== move) this.made.push(move);
        return answer;
    }
}

/** Set at the end of the file, however its test went: nobody looks any more. */
let isOver = false;
afterAll(() => void (isOver = true));

/** Looks at the job all the time, through the deaths of its host, and notes every count that goes down; `stop` gives them. */
function watch(id: string): { stop: () => Promise<string[]> } {
    const wrong: string[] = [];
    let stopped = false;
    let last: Job | null = null;
    const look = async (): Promise<void> => {
        while (!stopped && !isOver) {
            const next = await clientOf(killed.host).getJob(id, { retry: { forMs: Infinity, on: () => !isOver } });
            if (last) wrong.push(...fallen(last, next));
            last = next;
            await sleep(50);
        }
    };
    const looking = look().catch((error: unknown) => void wrong.push(String(error)));
    return {
        stop: async () => {
            stopped = true;
            await looking;
            return wrong;
        },
    };
}

/** A job that calls a target of its own, what its user has asked for, and what is seen of its counts. */
async function start(): Promise<{ id: string; target: ObservedTarget; user: User; counts: ReturnType<typeof watch> }> {
    const target = await killed.observe({ latencyMs: 100 });
    const items = Array.from({ length: ITEMS }, (_, id) => ({ id }));
    const id = await startJob(killed.host, items, {
        process: { http: { url: `${target.url}/x` } },
        key: 'id',
        partition: { items: 250 },
        concurrency: { max: 40, adaptive: false },
    });
    return { id, target, user: new User(id), counts: watch(id) };
}

/** Asks for so many moves at random, each a moment after the other; with every `killEvery`-th the host dies, before, while or after they are made. */
async function storm(users: User[], roll: () => number, moves: number, killEvery: number): Promise<void> {
    for (let i = 1; i <= moves; i++) {
        const asked = Promise.all(users.map((user) => user.ask(roll() < 0.5 ? 'pause' : 'resume', `move ${i}`)));
        if (i % killEvery === 0) {
            await sleep(roll() * 120);
            await killed.restart();
        }
        await asked;
        await sleep(roll() * 800);
    }
}

/** What its timeline tells of moves. */
const told = async (id: string) =>
    (await clientOf(killed.host).getTimeline(id)).events.flatMap(({ kind, move }) => (kind === 'move' ? [move as UserMove] : []));

test(`two jobs, paused and resumed at random while their host dies again and again: the last word holds, for as long as it is that (seed ${SEED})`, async () => {
    const [goesOn, stands] = await Promise.all([start(), start()]);
    await until(() => killed.targets.every(({ calls }) => calls.length > 50));
    await storm([goesOn.user, stands.user], dice(SEED), 8, 4);

    await Promise.all([goesOn.user.ask('resume', 'go on'), stands.user.ask('pause', 'stand still')]);
    const still = Date.now() + BITES_MS;
    await past(still + STILL_MS);
    await killed.restart();
    await past(Date.now() + BITES_MS + STILL_MS);
    expect(stands.target.between(still, Infinity)).toEqual([]);
    expect(await clientOf(killed.host).getJob(stands.id)).toMatchObject({ state: 'paused', waiting: { code: 'PAUSED' } });
    expect((await stands.user.ask('resume', 'and now go on')).state).toBe('running');

    for (const { id, user, counts } of [goesOn, stands]) {
        const end = await ended(killed.host, id, 60_000);
        expect(end).toMatchObject({ state: 'completed', outcome: 'succeeded', counts: { total: ITEMS, succeeded: ITEMS } });
        expect(breaches(await results(killed.host, id), ITEMS)).toEqual([]);
        expect(await counts.stop()).toEqual([]);
        expect(await told(id)).toEqual(user.made);
        expect(await clientOf(killed.host).verifyJob(id)).toMatchObject({ ok: true });
    }
}, 300_000);
