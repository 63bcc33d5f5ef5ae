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
