// npm run bench:cli: how long the command line takes to start, and what it adds to a job beside plain curl.
// Jobs are run at the host of FANFOLD_URL, such as that of `npm start`; without it only the starts are timed.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';

const root = path.resolve(__dirname, '../..');
const fanfold = path.join(root, 'dist/cli/fanfold.js');
const STARTS = 20;
const ROWS = Number(process.env.BENCH_ROWS ?? 100_000);

const median = (times: number[]): number => [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)]!;

function timed(args: string[]): number {
    const began = performance.now();
    const { status } = spawnSync(process.execPath, args, { stdio: 'ignore' });
    if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}`);
    return performance.now() - began;
}

/** Taken in turns, so that a machine that is busy now and then is so for all of them. */
function starts(): void {
    const commands = {
        'node -e 0': ['-e', '0'],
        'fanfold --version': [fanfold, '--version'],
        'fanfold run --help': [fanfold, 'run', '--help'],
    };
    const times = Object.fromEntries(Object.keys(commands).map((name) => [name, [] as number[]]));
    for (let i = 0; i < STARTS; i++) for (const [name, args] of Object.entries(commands)) times[name]!.push(timed(args));
    for (const [name, taken] of Object.entries(times))
        console.log(`${name.padEnd(22)} ${median(taken).toFixed(0)} ms (median of ${STARTS})`);
}

/** Runs a command to its end; gives seconds. */
function seconds(command: string, args: string[], env: NodeJS.ProcessEnv): Promise<number> {
    const began = performance.now();
    return new Promise((resolve, reject) => {
        const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'inherit'] });
        child.once('error', reject);
        child.once('exit', (code) =>
            code === 0 ? resolve((performance.now() - began) / 1000) : reject(new Error(`${command} ended with ${code}`)),
        );
    });
}

const CURL = `set -e
upload=$(curl -sf -T "$FILE" -X POST "$API/uploads?name=rows.csv" | sed 's/.*"id":"\\([^"]*\\)".*/\\1/')
job=$(curl -sf "$API/jobs" -H 'content-type: application/json' -d "{\\"source\\":{\\"upload\\":\\"$upload\\"},\\"process\\":{\\"http\\":{\\"url\\":\\"$TARGET/x/{id}\\"}},\\"results\\":{\\"keep\\":\\"none\\"}}" | sed 's/.*"self":"[^"]*\\/jobs\\/\\([^"]*\\)".*/\\1/')
until curl -sf "$API/jobs/$job" | grep -q '"ended":true'; do sleep 0.5; done`;

async function jobs(url: string): Promise<void> {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'fanfold-bench-'));
    const file = path.join(folder, 'rows.csv');
    writeFileSync(file, `id,name\n${Array.from({ length: ROWS }, (_, n) => `${n},name ${n}`).join('\n')}\n`);
    const target = http.createServer((request, response) => request.resume().once('end', () => response.end('{}')));
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
    const at = `http://127.0.0.1:${(target.address() as AddressInfo).port}`;
    try {
        const env = { FANFOLD_URL: url, API: `${url}/api`, FILE: file, TARGET: at, XDG_STATE_HOME: folder };
        const curl = await seconds('sh', ['-c', CURL], env);
        const own = await seconds(
            process.execPath,
            [fanfold, 'run', file, '--post', `${at}/x/{id}`, '--keep', 'none', '--wait', '-o', 'none'],
            env,
        );
        console.log(`${ROWS} rows: curl ${curl.toFixed(1)} s, fanfold run --wait ${own.toFixed(1)} s, ratio ${(own / curl).toFixed(2)}`);
    } finally {
        target.closeAllConnections();
        target.close();
        rmSync(folder, { recursive: true, force: true });
    }
}

async function main(): Promise<void> {
    starts();
    const url = process.env.FANFOLD_URL;
    if (!url) console.log('Without FANFOLD_URL no job is run: name a host, such as that of `npm start`.');
    else await jobs(url);
}

main().catch((error: Error) => {
    console.error(error.message);
    process.exit(1);
});
