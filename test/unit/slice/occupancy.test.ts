import { Occupancy } from '../../../src/activities/occupancy';
import { FakeClock, settled } from '../../support/fakeClock';

const clock = new FakeClock();
const occupancy = (lingering = () => 0) => new Occupancy((ms, what) => clock.after(ms, what), lingering);

test('one that wants to be alone asks the others to make room, and is when the last has left', async () => {
    const process = occupancy();
    const asked: string[] = [];
    const one = await process.enter(() => asked.push('one'));
    const two = await process.enter(() => asked.push('two'));
    const suspect = await process.enter();
    let alone = false;
    const wait = suspect.alone().then((right) => ((alone = true), right));
    await settled();
    expect(asked).toEqual(['one', 'two']);
    one.leave();
    await settled();
    expect(alone).toBe(false);
    two.leave();
    expect(await wait).not.toBeNull();
});

test('what comes meanwhile waits at the door until the right is given back', async () => {
    const process = occupancy();
    const suspect = await process.enter();
    const right = await suspect.alone();
    let inside = false;
    const late = process.enter().then(() => (inside = true));
    await settled();
    expect(inside).toBe(false);
    right!.release();
    await late;
    expect(inside).toBe(true);
});

test('who cannot be alone in time goes on in company, and holds nobody up', async () => {
    const process = occupancy();
    await process.enter(); // planning, which cannot make room
    const suspect = await process.enter();
    const wait = suspect.alone();
    await clock.pass(20_000);
    expect(await wait).toBeNull();
    await process.enter();
});

test('two that want to be alone have it one after the other', async () => {
    const process = occupancy();
    const [a, b] = [await process.enter(), await process.enter()];
    const first = a.alone();
    let second = false;
    const other = b.alone().then((right) => ((second = true), right));
    const right = await first;
    expect(right).not.toBeNull();
    await settled();
    expect(second).toBe(false);
    right!.release();
    a.leave();
    expect(await other).not.toBeNull();
});

test('who left something behind that still runs is company, and nobody waits for that to end', async () => {
    let lingering = 1;
    const process = occupancy(() => lingering);
    const suspect = await process.enter();
    expect(await suspect.alone()).toBeNull();
    // Left behind while it waited for the others.
    lingering = 0;
    const other = await process.enter();
    const wait = suspect.alone();
    lingering = 1;
    other.leave();
    expect(await wait).toBeNull();
    lingering = 0;
    expect(await suspect.alone()).not.toBeNull();
});

describe('where all places of the process are taken', () => {
    const full = (places: number) => {
        const clock = new FakeClock();
        const process = new Occupancy(
            (ms, what) => clock.after(ms, what),
            () => 0,
            places,
            clock.now,
        );
        const asked: string[] = [];
        return { clock, process, asked, enter: (name: string) => process.enter(() => asked.push(`${name} at ${clock.now()}`)) };
    };

    test('the one that has run longest gives way after three seconds, once, and then the next', async () => {
        const { clock, asked, enter } = full(3);
        await enter('first');
        await clock.pass(1_000);
        const second = await enter('second');
        await clock.pass(500);
        expect(asked).toEqual([]);
        await enter('third');
        await clock.pass(1_400);
        expect(asked).toEqual([]);
        await clock.pass(100);
        expect(asked).toEqual(['first at 3000']);
        await clock.pass(20_000);
        // It is on its way out; who comes into a place that is free meanwhile sets the next off.
        expect(asked).toEqual(['first at 3000']);
        second.leave();
        await enter('fourth');
        await clock.pass(10_000);
        expect(asked).toEqual(['first at 3000', expect.stringMatching(/^third at /)]);
    });

    test('nobody gives way while one is free, nor before work that cannot', async () => {
        const { clock, process, asked, enter } = full(3);
        await process.enter(); // planning
        await enter('one');
        await clock.pass(60_000);
        expect(asked).toEqual([]);
        await enter('two');
        await clock.pass(0);
        expect(asked).toEqual(['one at 60000']);
    });

    test('who has left in time is not asked, nor anybody else for that', async () => {
        const { clock, asked, enter } = full(2);
        const first = await enter('first');
        await clock.pass(2_000);
        await enter('second');
        first.leave();
        await clock.pass(60_000);
        expect(asked).toEqual([]);
    });
});
