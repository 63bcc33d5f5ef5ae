// The package: how large it is, and how long a new instance reads code before its first function, bundled and not.
// Run: npm run build && npm run package && node dist/bench/package.js [runs]
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(__dirname, '../..');
const runs = Number(process.argv[2] ?? 9);

// Each import in a process of its own, as an instance does it. What the worker provides is stood in for by an object that takes every call.
const script = `
    const Module = require('node:module');
    const load = Module._load;
    const core = new Proxy(
        { version: '4.1000.0', Disposable: class {}, registerHook: () => ({}), registerFunction: () => ({}) },
        { get: (known, name) => known[name] ?? (() => undefined) },
    );
    Module._load = (name, ...rest) => (name === '@azure/functions-core' ? core : load(name, ...rest));
    const start = process.hrtime.bigint();
    require(process.argv[1]);
    console.log(Number(process.hrtime.bigint() - start) / 1e6);
`;

function importMs(file: string): number {
    const ran = spawnSync(process.execPath, ['-e', script, file], { encoding: 'utf8' });
    if (ran.status !== 0) throw new Error(`importing ${file} failed: ${ran.stderr}`);
    return Number(ran.stdout);
}

const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

const bundle = path.join(root, 'dist/app/main.js');
const unbundled = path.join(root, 'dist/src/functions/index.js');
const times = { bundle: [] as number[], unbundled: [] as number[] };
// In turns, so that what else the machine does falls on both.
for (let i = 0; i < runs; i++) {
    times.unbundled.push(importMs(unbundled));
    times.bundle.push(importMs(bundle));
}
const [ours, theirs] = [median(times.bundle), median(times.unbundled)];
console.table({
    'zip, MB': { measured: (statSync(path.join(root, 'dist/fanfold.zip')).size / 1e6).toFixed(2), target: '< 5' },
    'import of the bundle, ms': { measured: ours.toFixed(0), target: '< 400' },
    'import unbundled, ms': { measured: theirs.toFixed(0), target: '' },
    'bundle / unbundled': { measured: (ours / theirs).toFixed(2), target: '<= 0.5' },
});
