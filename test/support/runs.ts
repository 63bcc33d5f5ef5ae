/**
 * How many runs a property has: all of them in `npm test`, a fifth in `npm run test:unit` (jest.unit.cjs), which is run after every change. What a test
 * expects of so many runs (how often a case came) goes through this too.
 */
export const runs = (whole: number): number => (process.env.FANFOLD_TEST_RUNS === 'few' ? Math.ceil(whole / 5) : whole);
