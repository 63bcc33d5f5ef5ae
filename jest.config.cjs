// Node packages that are ES modules only: Jest's module system cannot require them as they are.
const esm = ['p-map'];
/** @type {import('jest').Config} */
const common = {
    testEnvironment: 'node',
    roots: ['<rootDir>/test'],
    transform: {
        '^.+\\.[mc]?[jt]s$': [
            '@swc/jest',
            { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' }, sourceMaps: 'inline' },
        ],
    },
    transformIgnorePatterns: [`/node_modules/(?!(${esm.join('|')})/)`],
};
/** @type {import('jest').Config} */
module.exports = {
    testTimeout: 120_000,
    // Suites that start hosts wait for most of their time, so two share even a small machine. Each has hosts, storage, ports and folders of its own.
    maxWorkers: 2,
    testSequencer: '<rootDir>/test/support/longestFirst.cjs',
    // A project's setup runs only when one of its tests does: unit tests wait for no build.
    projects: [
        { ...common, displayName: 'source', testMatch: ['<rootDir>/test/{unit,histories,repository,cost}/**/*.test.ts'] },
        {
            ...common,
            displayName: 'built',
            testMatch: ['<rootDir>/test/!(unit|histories|repository|cost)/**/*.test.ts'],
            globalSetup: '<rootDir>/test/support/freshBuild.cjs',
        },
    ],
};
