import { runs } from './runs';

/** How often what comes seldom is to come at least: a test with few runs cannot expect it. */
export const SELDOM = runs(5) < 5 ? 0 : 1;

/** Expects that the stories of a property are worth their name: each of these came so often. */
export function expectCame(came: Map<string, number>, names: string[], times: number): void {
    for (const what of names)
        if ((came.get(what) ?? 0) < times) throw new Error(`${what} came ${came.get(what) ?? 0} times, of ${JSON.stringify([...came])}`);
}
