// The table that a bench ends with, in Markdown, so that it can stand in the docs as it was printed.
import { execFileSync } from 'node:child_process';
import os from 'node:os';

/** One way to do the work. */
export interface Contender {
    kind: 'raw' | 'script' | 'fanfold' | 'naive' | 'bullmq';
    name: string;
    /** Items per second. */
    perSecond: number;
    /** To the raw loop: the median of the rounds' ratios, where they took turns. */
    toRaw?: number;
    /** Storage transactions per 1,000 items. */
    transactions?: number;
    /** Peak resident memory of the process that makes the calls, in MB. */
    memory?: number | undefined;
    /** Events of the longest orchestration history. */
    history?: number | undefined;
}

export interface Figures {
    contenders: Contender[];
    /** Medians of the rounds' ratios. */
    toRaw?: number;
    toScript?: number;
    /** Fanfold's storage transactions per 1,000 items: taken in a run of their own, also where nothing else is measured. */
    transactions?: number;
    memory?: { sizes: number[]; peaks: (number | null)[] };
    memoryRatio?: number;
    /** Rows per second. */
    csv?: number;
    jobsPerSecond?: number;
    /** Milliseconds. */
    postP50?: number;
    postP99?: number;
}

const n = (value: number) => value.toLocaleString('en');

export interface Measured {
    items: number;
    jobs: number;
    repeats: number;
    figures: Figures;
}

function contendersTable({ contenders, transactions }: Figures): string[][] {
    const raw = contenders.find((c) => c.kind === 'raw')?.perSecond;
    const shown = (value: number | undefined, digits = 0) => (value === undefined ? '' : n(Number(value.toFixed(digits))));
    return [
        ['', 'items/s', '÷ raw', 'storage transactions per 1,000 items', 'peak memory, MB', 'longest history, events'],
        ...contenders.map((c) => [
            c.name,
            n(c.perSecond),
            shown(c.toRaw ?? (raw ? c.perSecond / raw : undefined), 2),
            shown(c.kind === 'fanfold' ? transactions : c.transactions, 1),
            shown(c.memory),
            shown(c.history),
        ]),
    ];
}

function targetsTable(jobs: number, f: Figures): string[][] {
    const rows: string[][] = [['figure', 'measured', 'target']];
    const row = (what: string, value: number | undefined, shown: (v: number) => string, target = '') => {
        if (value !== undefined) rows.push([what, shown(value), target]);
    };
    const fanfold = f.contenders.find((c) => c.kind === 'fanfold');
    const naive = f.contenders.filter((c) => c.kind === 'naive');
    row('Fanfold ÷ raw loop', f.toRaw, (v) => v.toFixed(2), '≥ 0.4');
    row('Fanfold ÷ `p-map` script', f.toScript, (v) => v.toFixed(2), '≥ 0.6');
    for (const [i, c] of naive.entries())
        if (fanfold) row(`Fanfold ÷ ${c.name}`, fanfold.perSecond / c.perSecond, (v) => v.toFixed(1), i === 0 ? '≥ 20' : '');
    row('storage transactions per 1,000 items', f.transactions, (v) => v.toFixed(1), '≤ 5');
    if (f.memory)
        for (const [i, size] of f.memory.sizes.entries())
            row(`peak memory of the host, ${n(size)} items`, f.memory.peaks[i] ?? undefined, (v) => `${v.toFixed(0)} MB`);
    row('their ratio', f.memoryRatio, (v) => v.toFixed(2), '≤ 1.3');
    row('planning a CSV of 1,000,000 rows', f.csv, (v) => `${n(v)} rows/s`, '≥ 150,000 rows/s');
    row(`${n(jobs)} jobs of 10 items, 32 at a time`, f.jobsPerSecond, (v) => `${v.toFixed(1)} jobs/s`);
    row('their `POST /api/jobs`, median', f.postP50, (v) => `${v.toFixed(0)} ms`);
    row('their `POST /api/jobs`, p99', f.postP99, (v) => `${v.toFixed(0)} ms`);
    return rows;
}

export function show([head, ...rows]: string[][]): void {
    if (rows.length === 0) return;
    const widths = head!.map((_, i) => Math.max(...[head!, ...rows].map((r) => r[i]!.length)));
    const line = (r: string[]) => `| ${r.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
    console.log([line(head!), line(widths.map((w) => '-'.repeat(w))), ...rows.map(line), ''].join('\n'));
}

export function print({ items, jobs, repeats, figures }: Measured, host: string, seconds: number): void {
    const [minute] = os.loadavg();
    console.log(
        `\n${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC, ${host}, ${n(items)} items of 200 bytes, 64 in flight, medians of ${repeats}; ` +
            `${os.cpus().length} × ${os.cpus()[0]?.model ?? 'CPU'}, ${(os.totalmem() / 2 ** 30).toFixed(0)} GB, ${os.type()} ${os.release()}, ` +
            `Node ${process.version}${commit()}; load ${minute!.toFixed(1)}; took ${seconds.toFixed(0)} s\n`,
    );
    show(contendersTable(figures));
    show(targetsTable(jobs, figures));
}

function commit(): string {
    try {
        return `, commit ${execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()}`;
    } catch {
        return ''; // not a clone
    }
}
