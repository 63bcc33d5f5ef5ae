// `npm run test:unit` and `test:watch`: decisions alone, on all processors, with a fifth of the runs of each property. `npm test` runs the same files with all of them.
process.env.FANFOLD_TEST_RUNS = 'few';
/** @type {import('jest').Config} */
module.exports = { ...require('./jest.config.cjs'), maxWorkers: '100%' };
