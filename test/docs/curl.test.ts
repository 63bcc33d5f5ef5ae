// What the pages give to curl is given to it, by bash, page by page and from top to bottom, at a host that is started here. Each call is to succeed, or to fail
// as the page shows; and where the page shows an answer, the real one has its fields.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as sample from '../../samples/target';
import { ApiError, FanfoldClient } from '../../src/client';
import { startHost, type RunningHost } from '../support/host';
import { blocksOf, curlLines, isExpected, missing, withIds, type Block, type Command } from '../support/pageCommands';
import { shellSession, type Ran, type ShellSession } from '../support/shellSession';
import { DEADLINE_MS, until } from '../support/until';
import { NOT_RUN, preparations, type Prepare, type Scene } from './preparations';

jest.setTimeout(DEADLINE_MS * 3);

const root = path.resolve(__dirname, '../..');
const textOf = (page: string): string => readFileSync(path.join(root, page), 'utf8');
const isOurs = (file: string): boolean => file.endsWith('.md') && !/(^|[/\\])(\.|node_modules|dist|coverage)/.test(file);
const pages = readdirSync(root)
    .flatMap((name) => (/^(\.|node_modules$|dist$|coverage$)/.test(name) ? [] : name.endsWith('.md') ? [name] : inside(name)))
    .filter((page) => curlLines(textOf(page)).length > 0);

function inside(name: string): string[] {
    try {
        return readdirSync(path.join(root, name), { recursive: true, encoding: 'utf8' })
            .map((file) => path.posix.join(name, file))
            .filter(isOurs);
    } catch {
        return []; // a file
    }
}

/** Read once: bash is asked of every line whether a command ends there. */
const blocks = new Map(pages.map((page) => [page, blocksOf(textOf(page))]));

const isRun = (page: string, { heading }: Block): boolean => NOT_RUN[page]?.[heading] === undefined;

let host: RunningHost;
let target: sample.Target;
let client: FanfoldClient;
beforeAll(async () => {
    [host, target] = await Promise.all([startHost({ app: root }), sample.startTarget()]);
    client = new FanfoldClient({ url: host.url });
});
afterAll(async () => {
    await Promise.all([host?.stop(), target?.stop()]);
});

test('every line is run, or listed with the reason why not', () => {
    expect(pages).toEqual(expect.arrayContaining(['README.md', 'samples/README.md', 'docs/api.md']));
    for (const page of pages) {
        const known = blocks.get(page)!.map(({ text }) => text);
        expect([page, curlLines(textOf(page)).filter((line) => !known.some((text) => text.includes(line)))]).toEqual([page, []]);
    }
    const sections = (table: Record<string, Record<string, unknown>>): string[] =>
        Object.entries(table).flatMap(([page, of]) => Object.keys(of).map((heading) => `${page}: ${heading}`));
    const there = pages.flatMap((page) => blocks.get(page)!.map(({ heading }) => `${page}: ${heading}`));
    expect([...sections(NOT_RUN), ...sections(preparations)].filter((section) => !there.includes(section))).toEqual([]);
});

test.each(pages)('%s', async (page) => {
    const targets: sample.Target[] = [];
    const startTarget = async (options?: sample.TargetOptions): Promise<sample.Target> => {
        const started = await sample.startTarget(options);
        targets.push(started);
        return started;
    };
    // Names and tokens of Azure are any text here.
    const shell = shellSession({ az: 'echo none' });
    try {
        await new Page(page, shell, { client, url: host.url, startTarget }).run();
    } finally {
        await shell.stop();
        await cancelAll();
        await Promise.all(targets.map((one) => one.stop()));
    }
});

/** The next page finds no job of this one at work. */
async function cancelAll(): Promise<void> {
    for (const state of ['scheduled', 'planning', 'canary', 'awaitingApproval', 'running', 'paused'] as const)
        for (const { id } of (await client.listPage({ state, limit: 100 })).jobs) {
            await client.cancelJob(id).catch((error: unknown) => {
                if (!(error instanceof ApiError)) throw error;
            });
            await client.waitUntil(id);
        }
}

class Page {
    private readonly instead = new Map<string, string>();
    /** Of what was made last: the ids that the page shows are those of its own run. */
    private id: string | null = null;

    constructor(
        private readonly page: string,
        private readonly shell: ShellSession,
        private readonly scene: Scene,
    ) {
        this.instead.set('http://localhost:7071', scene.url).set('http://127.0.0.1:7080', target.url);
    }

    async run(): Promise<void> {
        const seen = new Map<string, number>();
        for (const block of blocks.get(this.page)!.filter((one) => isRun(this.page, one))) {
            const nth = seen.get(block.heading) ?? 0;
            seen.set(block.heading, nth + 1);
            const prepare = preparations[this.page]?.[block.heading]?.[nth] ?? null;
            for (const [i, command] of block.commands.entries()) {
                await this.prepare(Array.isArray(prepare) ? prepare[i] : i === 0 ? prepare : null);
                if (i === 0 && block.document) this.write('job.json', block.document);
                // What runs until it is stopped has been started already.
                if (!/^(node dist\/|npm (start|run))/.test(command.text)) await this.give(command);
            }
        }
    }

    private async prepare(prepare: Prepare | null | undefined): Promise<void> {
        if (!prepare) return;
        const { env = {}, files = {}, instead = {} } = await prepare(this.scene);
        for (const [name, value] of Object.entries(env)) await this.shell.run(`${name}='${value}'`);
        for (const [name, value] of Object.entries(instead)) this.instead.set(name, value);
        for (const [name, text] of Object.entries(files)) this.write(name, text);
    }

    private write(name: string, text: string): void {
        const file = path.join(this.shell.folder, name);
        mkdirSync(path.dirname(file), { recursive: true });
        writeFileSync(file, this.here(text));
    }

    private here(text: string): string {
        return [...this.instead].reduce((all, [shown, real]) => all.replaceAll(shown, real), withIds(text, this.id));
    }

    /** Runs a command; one that changes nothing again and again, until its answer is as the page shows it. */
    private async give(command: Command): Promise<void> {
        const text = this.here(command.text);
        const [, word] = /# again, until it says (.+)$/.exec(text) ?? [];
        const waits = (command.shown.length > 0 || word !== undefined) && isReading(text);
        let ran: Ran | undefined;
        const isThere = async (): Promise<boolean> => {
            ran = await this.shell.run(text);
            this.check(command, ran);
            return word === undefined ? missing(command.shown, linesOf(ran)).length === 0 : ran.stdout.includes(word);
        };
        const why = (): string =>
            `${this.page}: ${text}\nshown, but not said: ${missing(command.shown, linesOf(ran!)).join('\n') || word}\nsaid: ${ran!.stdout.slice(0, 5000)}`;
        if (waits) await until(isThere, why);
        else if (!(await isThere())) throw new Error(why());
        this.id = idOf(ran!) ?? this.id;
    }

    private check(command: Command, { status, answers, stdout, stderr }: Ran): void {
        const isCall = /\bcurl\b/.test(command.text) && !/^\w+\(\) \{/.test(command.text);
        if (answers.every((answer) => isExpected(command, answer)) && (answers.length > 0 || !isCall) && status === 0) return;
        throw new Error(
            `${this.page}: ${command.text}\nended with ${status}, was answered ${answers.join(', ') || 'nothing'}\n${stdout.slice(0, 2000)}\n${stderr}`,
        );
    }
}

const linesOf = ({ stdout }: Ran): string[] => stdout.split(/\r?\n/).filter((line) => line !== '');

/** Whether a command asks and changes nothing, so that it may be given again. */
const isReading = (text: string): boolean =>
    /\bcurl\b/.test(text) && !/ (-X|-T|-d|--request|--data\S*|--upload-file) /.test(text) && !/^\w+=/.test(text);

function idOf({ stdout }: Ran): string | null {
    try {
        return (JSON.parse(stdout) as { id?: string }).id ?? null;
    } catch {
        return /^[0-9a-f-]{36}$/.exec(stdout.trim())?.[0] ?? null;
    }
}
