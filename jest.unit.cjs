// `npm run test:unit` and `test:watch`: decisions alone, on all processors, with a fifth of the runs of each property. `npm test` runs the same files with all of them.
process.env.FANFOLD_TEST_RUNS = 'few';
const { projects, testTimeout } = require('./jest.config.cjs');
/** @type {import('jest').Config} */
module.exports = {
    ...projects.find(({ displayName }) => displayName === 'source'),
    testTimeout,
    maxWorkers: '100%',
};
