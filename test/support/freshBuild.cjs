// Before tests that start the built app: dist/ is built again where it was made of other sources than there are. Otherwise it costs some milliseconds.
// A host that FANFOLD_URL names is built by whoever runs it.
const { spawnSync } = require('node:child_process');
const path = require('node:path');

module.exports = () => {
    if (process.env.FANFOLD_URL) return;
    const root = path.resolve(__dirname, '../..');
    const { status } = spawnSync(process.execPath, ['scripts/build.mjs', '--if-stale'], { cwd: root, stdio: 'inherit' });
    if (status !== 0) throw new Error('The app cannot be built, so no test of it is run.');
};
