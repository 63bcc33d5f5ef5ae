// What Fanfold is measured against, in a process of its own: `raw`, the HTTP client and nothing else, and `script`, what people write today.
// Arguments: raw | script, URL of the target, NDJSON file of the items, file for the results.
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import pMap from 'p-map';
import { Pool } from 'undici';
import { sayRun } from './processes';

const IN_FLIGHT = 64;
const headers = { 'content-type': 'application/json' };

/** As many calls as there are items, always with the same body; answers are read and dropped. */
async function raw(pool: Pool, items: string[]): Promise<void> {
    const body = items[0]!;
    let left = items.length;
    const loop = async () => {
        while (left-- > 0) {
            const answer = await pool.request({ method: 'POST', path: '/', headers, body });
            await answer.body.text();
        }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, loop));
}

/** The backfill script: every line of a file, a call for each, a line for each answer. No retry, no limit, no way to go on after a crash. */
async function script(pool: Pool, items: string[], results: string): Promise<void> {
    const out = createWriteStream(results);
    await pMap(
        items,
        async (line, index) => {
            const item = JSON.parse(line) as { id: number };
            const answer = await pool.request({ method: 'POST', path: '/', headers, body: JSON.stringify(item) });
            out.write(JSON.stringify({ index, status: answer.statusCode, output: await answer.body.json() }) + '\n');
        },
        { concurrency: IN_FLIGHT },
    );
    out.end();
    await finished(out);
}

async function main(): Promise<void> {
    const [kind, url, file, results] = process.argv.slice(2);
    const pool = new Pool(url!, { connections: IN_FLIGHT, pipelining: 1 });
    // The raw loop has no file to read; the script's reading counts as its own.
    const before = kind === 'raw' ? await readFile(file!, 'utf8') : null;
    const began = process.hrtime.bigint();
    const cpu = process.cpuUsage();
    const items = (before ?? (await readFile(file!, 'utf8'))).trimEnd().split('\n');
    await (kind === 'raw' ? raw(pool, items) : script(pool, items, results!));
    sayRun(began, cpu, items.length);
    await pool.close();
    process.disconnect?.();
}

main().catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
});
