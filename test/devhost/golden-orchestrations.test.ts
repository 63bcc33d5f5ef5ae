// The local host against the recordings: the same functions, driven in the same way, get the same payloads, give the same answers and end alike.
import { until } from '../support/until';
import { answered, episodesOf, masker, type Episode } from './golden';
import { Recorded, SECOND_HUB } from './golden-run';

/** The recordings were made on two hubs; the apps' version was set on the second only. */
const first = new Recorded();
const second = new Recorded();
beforeAll(async () => {
    await Promise.all([first.start(), second.start(SECOND_HUB)]);
});
afterAll(() => Promise.all([first.stop(), second.stop()]));

/** The long text of `big` is cut in its recording. */
const uncut = (value: unknown): unknown => JSON.parse(JSON.stringify(value).replaceAll(/y{20,}(… \(\d+ characters\) …y{5,})?/g, 'y…'));
const masked = (episodes: Episode[]) => {
    const mask = masker();
    return episodes.map(({ trigger, answer }) => uncut({ trigger: mask(trigger), answer: mask(answered(answer)) }));
};
const same = (mine: Episode[], scenario: string) => {
    const recorded = masked(episodesOf(scenario));
    // Episode by episode, so that a difference is told where it begins.
    masked(mine).forEach((episode, n) => expect({ n, ...(episode as object) }).toEqual({ n, ...(recorded[n] as object) }));
    expect(mine).toHaveLength(recorded.length);
};

/** What happened, whatever came together and in which order: for things that run side by side. */
const happenings = ({ trigger }: Episode): string[] => {
    const plain = (value: unknown) => JSON.stringify(value).replaceAll(/"#\d+/g, '"#');
    const sorted = (value: unknown): unknown =>
        typeof value === 'object' && value !== null && !Array.isArray(value)
            ? Object.fromEntries(
                  Object.entries(value)
                      .sort()
                      .map(([k, v]) => [k, sorted(v)]),
              )
            : value;
    const events = trigger.history.filter((e) => e.EventType !== 12 && e.EventType !== 13).map(({ IsPlayed: _, ...e }) => e);
    return (masker()(events) as unknown[]).map((e) => plain(sorted(e))).sort();
};
/** The first episode, and in the end all that happened and what was answered. */
const sameInAnyOrder = (mine: Episode[], scenario: string) => {
    const recorded = episodesOf(scenario);
    expect(masked(mine.slice(0, 1))).toEqual(masked(recorded.slice(0, 1)));
    expect(happenings(mine.at(-1)!)).toEqual(happenings(recorded.at(-1)!));
    const answer = ({ answer: a }: Episode) => masker()(answered(a));
    expect(answer(mine.at(-1)!)).toEqual(answer(recorded.at(-1)!));
};
const outputOf = (scenario: string) => episodesOf(scenario).at(-1)!.answer.output;

describe('the same payloads and answers, episode by episode', () => {
    test.each([
        ['chain', first],
        ['types', first],
        ['retry', first],
        ['anyFail', second],
        ['big', second],
        ['ver', second],
    ] as const)('%s', async (scenario, app) => {
        const id = await app.run(scenario);
        const { runtimeStatus, output } = await app.ended(id);
        expect(runtimeStatus).toBe('Completed');
        expect(masker()(output)).toEqual(masker()(outputOf(scenario)));
        same(app.episodes(id), scenario);
    });

    test('boom: what was sent before the throw is delivered', async () => {
        const id = await first.run('boom');
        expect(await first.ended(id)).toMatchObject({ runtimeStatus: 'Failed', output: "Orchestrator function 'boom' failed: orch boom" });
        same(first.episodes(id), 'boom');
        const entity = `${first.host.url}/runtime/webhooks/durabletask/entities/counter/fail`;
        await until(async () => (await fetch(entity)).status === 200);
        expect(await (await fetch(entity)).json()).toBe(7);
    });

    test('parent and child, which fails with the real text', async () => {
        const id = await first.run('parent');
        expect((await first.ended(id)).output).toEqual(outputOf('parent'));
        const mine = first.episodes(id);
        same(mine, 'parent');
        const created = mine.at(-1)!.trigger.history.find((e) => e.EventType === 7)!;
        same(first.episodes(created.InstanceId as string), 'child');
    });

    test('early: events that come before they are waited for', async () => {
        const id = await second.run('early');
        for (const event of [1, 2]) {
            await second.had(id, event);
            await second.post(id, '/raiseEvent/x', event);
        }
        expect((await second.ended(id)).output).toEqual(outputOf('early'));
        same(second.episodes(id), 'early');
    });

    test('wakeLoop: timers that win, then an event', async () => {
        const id = await second.run('wakeLoop');
        await second.had(id, 4);
        await second.post(id, '/raiseEvent/wake', 'A');
        expect((await second.ended(id)).output).toEqual(outputOf('wakeLoop'));
        same(second.episodes(id), 'wakeLoop');
    });

    test('timer-2: suspend, resume and terminate are episodes', async () => {
        const id = await first.run('timer-2', 'dup1795432273047');
        await first.had(id, 2);
        await first.post(id, '/suspend?reason=r');
        await first.had(id, 3);
        await first.post(id, '/resume?reason=r');
        await first.had(id, 4);
        await first.post(id, '/terminate?reason=enough');
        expect(await first.ended(id)).toMatchObject({ runtimeStatus: 'Terminated', output: 'enough' });
        same(first.episodes(id), 'timer-2');
    });

    test('loopParent and loopChild: generations of sub-orchestrations', async () => {
        const id = await second.run('loopParent');
        expect((await second.ended(id)).output).toEqual(outputOf('loopParent'));
        sameInAnyOrder(second.episodes(id), 'loopParent');
        same(second.episodes(`${id}-w0`), 'loopChild');
    });
});

describe('the same happenings, where things run side by side', () => {
    test.each([
        ['fan', first],
        ['ent', first],
    ] as const)('%s', async (scenario, app) => {
        const id = await app.run(scenario);
        expect((await app.ended(id)).output).toEqual(outputOf(scenario));
        sameInAnyOrder(app.episodes(id), scenario);
    });

    test('timer: on time, where the real host was early', async () => {
        const id = await first.run('timer');
        await first.post(id, '/raiseEvent/go', { x: 1 });
        expect((await first.ended(id)).output).toEqual({ ...(outputOf('timer') as object), waited: true });
        const mine = first.episodes(id);
        const [recorded] = episodesOf('timer').slice(-1);
        expect(masked(mine.slice(0, 1))).toEqual(masked(episodesOf('timer').slice(0, 1)));
        expect(happenings(mine.at(-1)!)).toEqual(happenings(recorded!));
        expect(masker()(mine.at(-1)!.answer.actions)).toEqual(masker()(recorded!.answer.actions));
    });

    test('wakeLoop-2: a timer that was cancelled fires all the same', async () => {
        const id = await second.run('wakeLoop-2');
        for (const [n, event] of ['A', 'B'].entries()) {
            await second.had(id, n + 1);
            await second.post(id, '/raiseEvent/wake', event);
        }
        expect((await second.ended(id)).output).toEqual(outputOf('wakeLoop-2'));
        sameInAnyOrder(second.episodes(id), 'wakeLoop-2');
    });
});

describe('bad ends', () => {
    const twice = /^Orchestrator function '\w+' failed: Non-Deterministic workflow detected: a pending task .* was yielded a second time/;

    test('window: the same up to the second yield; then it fails where it is made, not with wrong results later', async () => {
        const id = await first.run('window');
        expect(await first.ended(id)).toMatchObject({ runtimeStatus: 'Failed', output: expect.stringMatching(twice) });
        const mine = first.episodes(id);
        expect(masked(mine)).toEqual(masked(episodesOf('window').slice(0, 2)));
    });

    test('mixedRetry: a pending retry that is yielded again, alone', async () => {
        const id = await first.run('mixedRetry');
        expect(await first.ended(id)).toMatchObject({ runtimeStatus: 'Failed', output: expect.stringMatching(twice) });
        expect(masked(first.episodes(id).slice(0, 1))).toEqual(masked(episodesOf('mixedRetry').slice(0, 1)));
    });

    test('again: events that come before continueAsNew are dropped with the generation, with a warning', async () => {
        // While these hold all places for activities, the events come before the generation can end.
        const holders = await Promise.all(Array.from({ length: 10 }, () => first.run('early')));
        await until(() => holders.every((id) => first.episodes(id).length > 0));
        const id = await first.run('again');
        for (const item of [1, 2, 3, 4]) {
            await first.had(id, item);
            await first.post(id, '/raiseEvent/item', item);
        }
        const recorded = episodesOf('again');
        await first.had(id, recorded.length);
        same(first.episodes(id), 'again');
        expect(await first.status(id)).toMatchObject({ runtimeStatus: 'Running', customStatus: { n: 0 } });
        await until(
            () => first.host.output().includes(`again ${id} continued as new: 3 external event(s) of the generation that ends are dropped`),
            () => `no warning of dropped events:\n${first.host.output()}`,
        );
    });
});
