// fanfold jobs results: the API's bytes, handed through as they come, so that memory stays flat however many rows there are.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Option, type Command } from 'commander';
import { NetworkError, type Outcome, type OutcomeKind } from '../../../client';
import { parseExact } from '../../../json/exactJson';
import { CliError } from '../../errors';
import { cut, printable } from '../../output/text';
import type { Printer } from '../../output/printer';
import type { Session } from '../../session';
import { example, type Call } from '../../use';

const outcomes = ['succeeded', 'failed', 'skipped', 'cancelled', 'expired'] as const satisfies OutcomeKind[];

interface ResultsOptions {
    outcome?: OutcomeKind;
    fingerprint?: string;
    order?: 'input';
    cursor?: string;
    cursorFile?: string;
    spreadsheet?: boolean;
}

export function addResults(jobs: Command, call: Call): void {
    jobs.command('results')
        .argument('<id>', 'of the job')
        .description('the outcome of every item that has ended, one a line, while the job runs and after')
        .addOption(new Option('--outcome <outcome>', 'only items that ended so').choices(outcomes))
        .option('--fingerprint <digits>', 'only items that failed so: 12 hex digits, as `jobs get` shows them')
        .addOption(new Option('--order <order>', 'in the order of the source (default: as they were written)').choices(['input']))
        .option('--cursor <cursor>', 'only what has been written since an earlier answer, which came with this cursor')
        .option('--cursor-file <file>', 'read the cursor from this file, where it is there, and write the new one to it')
        .option('--spreadsheet', 'with -o csv: no cell is run as a formula')
        .addHelpText(
            'after',
            example(
                'fanfold jobs results 3a49477e-0a97-4c96-a201-3a66a57e9b74 -o csv > out.csv',
                'fanfold jobs results 3a49477e-0a97-4c96-a201-3a66a57e9b74 --outcome failed -o ndjson | jq .error.message',
            ),
        )
        .action(call.does(async (session: Session, id: string, options: ResultsOptions) => results(session, id, options)));
}

async function results(session: Session, id: string, { cursorFile, spreadsheet, ...options }: ResultsOptions): Promise<void> {
    const { printer, shell } = session;
    const file = cursorFile === undefined ? null : path.resolve(shell.cwd, cursorFile);
    if (file && options.cursor !== undefined) throw new CliError('Give --cursor or --cursor-file, not both.');
    const before = file ? cursorIn(file) : options.cursor;
    const { body, cursor } = await session.client().openResults(id, {
        ...options,
        cursor: before,
        format: printer.form === 'csv' ? 'csv' : 'ndjson',
        spreadsheet: spreadsheet || undefined,
        signal: shell.signal,
    });
    await write(chunksOf(body, `the results of ${id}`, shell.signal), printer);
    if (file) writeFileSync(file, `${cursor}\n`);
}

function cursorIn(file: string): string | undefined {
    try {
        return readFileSync(file, 'utf8').trim() || undefined;
    } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw new CliError(`The cursor cannot be read from ${file}: ${(error as Error).message}`);
    }
}

/** The stream, chunk by chunk. That it breaks off is told as of any other request: what was written is not all. */
async function* chunksOf(body: ReadableStream<Uint8Array>, url: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const reader = body.getReader();
    try {
        for (;;) {
            const { done, value } = await reader.read().catch((error: unknown) => {
                signal.throwIfAborted();
                throw new NetworkError({ method: 'GET', path: '', url }, error);
            });
            if (done) return;
            yield value;
        }
    } finally {
        await reader.cancel().catch(() => undefined);
    }
}

/** Lines, as many as a chunk ends. */
async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string[], void> {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of chunks) {
        const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
        rest = lines.pop()!;
        if (lines.length > 0) yield lines;
    }
    rest += decoder.decode();
    if (rest !== '') yield [rest];
}

async function write(chunks: AsyncIterable<Uint8Array>, { form, stdout }: Printer): Promise<void> {
    switch (form) {
        case 'csv':
        case 'ndjson':
            for await (const chunk of chunks) await stdout.write(chunk);
            return;
        case 'json': {
            let isFirst = true;
            for await (const lines of linesOf(chunks)) {
                await stdout.write(`${isFirst ? '[\n' : ',\n'}${lines.join(',\n')}`);
                isFirst = false;
            }
            return stdout.write(isFirst ? '[]\n' : '\n]\n');
        }
        case 'table': {
            const width = stdout.isTTY ? stdout.columns : Infinity;
            await stdout.write(`${tableLine(['INDEX', 'OUTCOME', 'ATTEMPTS', 'STATUS', 'MS', 'KEY', 'ERROR'], width)}\n`);
            for await (const lines of linesOf(chunks))
                await stdout.write(lines.map((line) => `${tableLine(cellsOf(line), width)}\n`).join(''));
            return;
        }
        case 'none':
            for await (const chunk of chunks) void chunk;
    }
}

/** Characters of each column, and at which side its cells stand. What is longer pushes the rest of its line on: nobody knows what is still to come. */
const columns = [
    { width: 9, right: true },
    { width: 9, right: false },
    { width: 8, right: true },
    { width: 6, right: true },
    { width: 7, right: true },
    { width: 20, right: false },
    { width: 0, right: false },
];

function tableLine(cells: string[], width: number): string {
    const line = cells
        .map((cell, at) => (columns[at]!.right ? cell.padStart(columns[at]!.width) : cell.padEnd(columns[at]!.width)))
        .join('  ');
    return cut(line.trimEnd(), width);
}

function cellsOf(line: string): string[] {
    const { index, outcome, attempts, status, ms, key, error } = parseExact(line) as Outcome;
    const cells = [index, outcome, attempts, status, ms, key, error && `${error.code}: ${error.message}`];
    return cells.map((cell) => (cell === undefined || cell === null ? '' : printable(String(cell))));
}
