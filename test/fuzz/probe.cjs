// Loaded into the local host's process before all else (`--require`): writes down how long its event loop was held, and by how much work, and what memory it has.
// The file is that of FANFOLD_PROBE; a line of JSON each. At SIGUSR2 the memory is told, after what is not needed any more has been collected.
const { appendFileSync } = require('node:fs');
const { performance } = require('node:perf_hooks');
const { setInterval } = require('node:timers');
const v8 = require('node:v8');
const vm = require('node:vm');

/** Between two turns, in ms; a hold is what is beyond it. */
const EVERY_MS = 10;
const WORTH_TELLING_MS = 100;
const file = process.env.FANFOLD_PROBE;

// Of the processes that a host consists of, the one that has the app.
if (file && /devhost[\\/]host\.js$/.test(process.argv[1] ?? '')) {
    const tell = (line) => appendFileSync(file, `${JSON.stringify({ at: Date.now(), ...line })}\n`);
    tell({ kind: 'started', pid: process.pid });
    let [last, worked] = [performance.now(), process.cpuUsage()];
    setInterval(() => {
        const now = performance.now();
        const heldMs = now - last - EVERY_MS;
        if (heldMs > WORTH_TELLING_MS) {
            const { user, system } = process.cpuUsage(worked);
            tell({ kind: 'held', heldMs: Math.round(heldMs), cpuMs: Math.round((user + system) / 1_000) });
        }
        [last, worked] = [now, process.cpuUsage()];
    }, EVERY_MS).unref();
    process.on('SIGUSR2', () => {
        v8.setFlagsFromString('--expose-gc');
        const collect = vm.runInNewContext('gc');
        collect();
        collect();
        const { heapUsed, external, rss } = process.memoryUsage();
        tell({ kind: 'memory', heapUsed, external, rss });
        [last, worked] = [performance.now(), process.cpuUsage()];
    });
}
