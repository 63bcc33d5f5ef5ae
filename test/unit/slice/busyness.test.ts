// How busy the process is, as a slice sees it.
import { Busyness } from '../../../src/activities/processSlice/clock';

test('how busy the process is lies between 0 and 1, and is read anew only after a while', () => {
    let now = 1_000;
    const busyness = new Busyness({ now: () => now });
    const first = busyness.read();
    expect(first).toBeGreaterThanOrEqual(0);
    expect(first).toBeLessThanOrEqual(1);
    const reads = jest.spyOn(performance, 'eventLoopUtilization');
    now += 199;
    expect(busyness.read()).toBe(first);
    expect(reads).not.toHaveBeenCalled();
    now += 1;
    busyness.read();
    expect(reads).toHaveBeenCalled();
});
