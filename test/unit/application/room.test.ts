import { Room } from '../../../src/application/room';

/** A room over a number that others change, with a clock that stands still until it is moved. */
function roomOver(start: number) {
    const world = { count: start, now: 0, counted: 0 };
    const room = new Room(
        async () => {
            world.counted++;
            return world.count;
        },
        () => world.now,
    );
    return { world, room };
}

test('many that come together are counted once, and each takes a place', async () => {
    const { world, room } = roomOver(7);
    const taken = await Promise.all(Array.from({ length: 10 }, () => room.take(10)));
    expect(taken.filter(Boolean)).toHaveLength(3);
    expect(world.counted).toBe(1);
});

test('what others do is seen within five seconds, and room that was made within one', async () => {
    const { world, room } = roomOver(0);
    expect(await room.take(2)).toBe(true);
    world.count = 2;
    world.now = 5_000;
    expect(await room.take(2)).toBe(true);
    world.now = 5_001;
    expect(await room.take(2)).toBe(false);
    world.count = 1;
    world.now = 6_001;
    expect(await room.take(2)).toBe(false);
    world.now = 6_002;
    expect(await room.take(2)).toBe(true);
});

test('where they cannot be counted the asker is told, and the next one counts anew', async () => {
    let fails = true;
    const room = new Room(
        async () => {
            if (fails) throw new Error('storage is away');
            return 0;
        },
        () => 0,
    );
    await expect(room.take(1)).rejects.toThrow('away');
    fails = false;
    expect(await room.take(1)).toBe(true);
});
