// What a run of the matrix has come to, for people and for programs.
import { FAULTS, type Fault } from './faults';
import { nameOf } from './matrix';
import type { Result } from './play';

export interface Report {
    date: string;
    seconds: number;
    /** Requests of each variant, by kind: how many of it an undisturbed job makes. */
    requests: Record<string, Record<string, number>>;
    cells: number;
    bystanders: number;
    /** Cells whose request has not come, however slowly the job was played. */
    notStruck: string[];
    wrong: Result[];
    host: string[];
    longest: { name: string; took: number }[];
    results: Result[];
}

export function reportOf(results: Result[], host: string[], seconds: number, requests: Report['requests']): Report {
    const cells = results.filter((r) => r.cell !== null);
    return {
        date: new Date().toISOString(),
        seconds: Math.round(seconds),
        requests,
        cells: cells.length,
        bystanders: results.length - cells.length,
        notStruck: cells.filter((r) => r.struck === 0).map(nameOf),
        wrong: results.filter((r) => r.wrong.length > 0),
        host,
        longest: [...results]
            .sort((a, b) => b.took - a.took)
            .slice(0, 10)
            .map((r) => ({ name: nameOf(r), took: r.took })),
        results: results.map(({ log: _log, ...rest }) => rest),
    };
}

/** A row for each kind of request, a column for each fault: how many cells went wrong of how many. */
export function tableOf(results: Result[]): string {
    const short = (fault: Fault) => fault.replace(' once', '').replace(' for good', '!');
    const rows = new Map<string, Map<string, { wrong: number; all: number }>>();
    for (const { variant, cell, wrong } of results) {
        if (!cell) continue;
        const row = rows.get(`${variant} ${cell.request}`) ?? new Map<string, { wrong: number; all: number }>();
        rows.set(`${variant} ${cell.request}`, row);
        const at = row.get(cell.fault) ?? { wrong: 0, all: 0 };
        row.set(cell.fault, { wrong: at.wrong + (wrong.length > 0 ? 1 : 0), all: at.all + 1 });
    }
    const width = Math.max(10, ...[...rows.keys()].map((r) => r.length));
    const line = (name: string, cells: string[]) => `${name.padEnd(width)} ${cells.map((c) => c.padStart(5)).join(' ')}`;
    const told = (c: { wrong: number; all: number } | undefined) => (!c ? '' : c.wrong > 0 ? `${c.wrong}/${c.all}` : '.');
    return [
        line('', FAULTS.map(short)),
        ...[...rows].map(([name, row]) =>
            line(
                name,
                FAULTS.map((f) => told(row.get(f))),
            ),
        ),
    ].join('\n');
}
