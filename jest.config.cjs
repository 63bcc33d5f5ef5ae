// Node packages that are ES modules only: Jest's module system cannot require them as they are.
const esm = ['p-map'];
/** @type {import('jest').Config} */
const common = {
    testEnvironment: 'node',
    roots: ['<rootDir>/test'],
    setupFiles: ['<rootDir>/test/support/loopbackTargets.cjs'],
    transform: {
        '^.+\\.[mc]?[jt]s$': [
            '@swc/jest',
            { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' }, sourceMaps: 'inline' },
        ],
    },
    transformIgnorePatterns: [`/node_modules/(?!(${esm.join('|')})/)`],
};
// What judges rates by the clock on the wall, what a job makes of the latencies that it meets, or how many calls it makes until it sees that its target is
// away: on a machine that is full they would judge the machine.
// `npm test` runs them after the rest, two at a time.
const timed = ['**/test/e2e/{adaptive,limits,outages,throttling}.test.ts', '**/test/guarantees/limits.test.ts'];
// The fault matrix: what it draws must end within times of their own, on a machine that has nothing else to do.
const alone = ['**/test/guarantees/matrix.test.ts'];
const built = { ...common, globalSetup: '<rootDir>/test/support/freshBuild.cjs' };

/** @type {import('jest').Config} */
module.exports = {
    testTimeout: 120_000,
    // Suites that start hosts wait for much of their time, so two share even a small machine, and four where none of them is timed (package.json). Each has hosts,
    // storage, ports and folders of its own.
    maxWorkers: 2,
    testSequencer: '<rootDir>/test/support/longestFirst.cjs',
    // A project's setup runs only when one of its tests does: unit tests wait for no build.
    projects: [
        { ...common, displayName: 'source', testMatch: ['<rootDir>/test/{unit,histories,repository,cost}/**/*.test.ts'] },
        {
            ...built,
            displayName: 'built',
            testMatch: [
                '<rootDir>/test/!(unit|histories|repository|cost|apiDocument)/**/*.test.ts',
                ...[...timed, ...alone].map((files) => `!${files}`),
            ],
        },
        { ...built, displayName: 'timed', testMatch: timed },
        { ...built, displayName: 'alone', testMatch: alone },
    ],
};
