// `npm run test:document`: that nothing in the API document is unused. It adds up what the end-to-end suite has left behind, so `npm test` runs it when all else has
// run; as a project of jest.config.cjs it would run beside what it waits for.
const { projects, testTimeout } = require('./jest.config.cjs');
/** @type {import('jest').Config} */
module.exports = {
    ...projects.find(({ displayName }) => displayName === 'source'),
    displayName: 'document',
    testTimeout,
    testMatch: ['<rootDir>/test/apiDocument/**/*.test.ts'],
};
