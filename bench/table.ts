// The table that a bench ends with, in Markdown, so that it can stand in the docs as it was printed.
import { execFileSync } from 'node:child_process';
import os from 'node:os';

export interface Figures {
    /** Items per second. */
    raw?: number;
    script?: number;
    fanfold?: number;
    naive?: number;
    /** Medians of the rounds' ratios. */
    toRaw?: number;
    toScript?: number;
    /** Storage transactions per 1,000 items. */
    transactions?: number;
    naiveTransactions?: number;
    memory?: { sizes: number[]; peaks: (number | null)[] };
    memoryRatio?: number;
    /** Rows per second. */
    csv?: number;
    jobsPerSecond?: number;
    /** Milliseconds. */
    postP50?: number;
    postP99?: number;
}

type Row = [what: string, measured: string, target: string];

const n = (value: number) => value.toLocaleString('en');

export interface Measured {
    items: number;
    jobs: number;
    repeats: number;
    figures: Figures;
}

export function print({ items, jobs, repeats, figures: f }: Measured, host: string, seconds: number): void {
    const rows: Row[] = [];
    const row = (what: string, value: number | undefined, shown: (v: number) => string, target = '') => {
        if (value !== undefined) rows.push([what, shown(value), target]);
    };
    const perSecond = (v: number) => `${n(v)}/s`;
    row('raw `undici` loop', f.raw, perSecond);
    row('`p-map` script', f.script, perSecond);
    row('**Fanfold**', f.fanfold, perSecond);
    row('naive durable fan-out, 2,000 items', f.naive, perSecond);
    row('Fanfold ÷ raw loop', f.toRaw, (v) => v.toFixed(2), '≥ 0.4');
    row('Fanfold ÷ `p-map` script', f.toScript, (v) => v.toFixed(2), '≥ 0.6');
    if (f.fanfold && f.naive) row('Fanfold ÷ naive fan-out', f.fanfold / f.naive, (v) => v.toFixed(1), '≥ 20');
    row('storage transactions per 1,000 items', f.transactions, (v) => v.toFixed(1), '≤ 5');
    row('the same, naive fan-out', f.naiveTransactions, (v) => n(Math.round(v)));
    if (f.memory)
        for (const [i, size] of f.memory.sizes.entries())
            row(`peak memory of the host, ${n(size)} items`, f.memory.peaks[i] ?? undefined, (v) => `${v.toFixed(0)} MB`);
    row('their ratio', f.memoryRatio, (v) => v.toFixed(2), '≤ 1.3');
    row('planning a CSV of 1,000,000 rows', f.csv, (v) => `${n(v)} rows/s`, '≥ 150,000 rows/s');
    row(`${n(jobs)} jobs of 10 items, 32 at a time`, f.jobsPerSecond, (v) => `${v.toFixed(1)} jobs/s`);
    row('their `POST /api/jobs`, median', f.postP50, (v) => `${v.toFixed(0)} ms`);
    row('their `POST /api/jobs`, p99', f.postP99, (v) => `${v.toFixed(0)} ms`);

    const [minute] = os.loadavg();
    console.log(
        `\n${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC, ${host}, ${n(items)} items of 200 bytes, 64 in flight, medians of ${repeats}; ` +
            `${os.cpus().length} × ${os.cpus()[0]?.model ?? 'CPU'}, ${(os.totalmem() / 2 ** 30).toFixed(0)} GB, ${os.type()} ${os.release()}, ` +
            `Node ${process.version}${commit()}; load ${minute!.toFixed(1)}; took ${seconds.toFixed(0)} s\n`,
    );
    const all: Row[] = [['figure', 'measured', 'target'], ...rows];
    const widths = [0, 1, 2].map((i) => Math.max(...all.map((r) => r[i]!.length)));
    const line = (r: string[]) => `| ${r.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
    console.log(line(all[0]!));
    console.log(line(widths.map((w) => '-'.repeat(w))));
    for (const r of rows) console.log(line(r));
}

function commit(): string {
    try {
        return `, commit ${execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()}`;
    } catch {
        return ''; // not a clone
    }
}
