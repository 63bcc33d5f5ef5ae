// The commands that the pages show: the blocks of a page that a shell runs, their commands one by one, and the answers that stand below them.
import { spawnSync } from 'node:child_process';

export interface Fence {
    language: string;
    /** Of the section that it is in. */
    heading: string;
    text: string;
}

export interface Command {
    text: string;
    /** The lines of the answer that the page shows below it; none where it shows nothing. */
    shown: string[];
}

export interface Block {
    heading: string;
    /** As it stands on the page. */
    text: string;
    commands: Command[];
    /** The nearest JSON document above it in its section, which is the file that the commands send. */
    document: string | null;
}

const SHELLS = ['sh', 'bash', 'console', 'shell'];

/** What is fenced on a page, from top to bottom; indented ones lose their indent. */
export function fencesOf(page: string): Fence[] {
    const fences: Fence[] = [];
    let heading = '';
    for (const [, title, indent, language, text] of page.matchAll(/^#+ (.+)$|^( *)```(\w*)\n([^]*?)^ *```$/gm)) {
        if (title !== undefined) heading = title;
        else fences.push({ language: language!, heading, text: text!.replaceAll(new RegExp(`^ {0,${indent!.length}}`, 'gm'), '') });
    }
    return fences;
}

/** What is given to curl, however it is written: in fences of any kind, in lines of their own, in the middle of a sentence. */
export function curlLines(page: string): string[] {
    const outside = page.replaceAll(/^( *)```[^]*?^ *```$/gm, '');
    return [
        ...fencesOf(page).flatMap(({ text }) => text.split('\n').filter((line) => /\bcurl\b/.test(line))),
        ...[...outside.matchAll(/`([^`]+)`|^\s*((?:\$ )?curl .*)$/gm)].map((m) => m[1] ?? m[2]!).filter((text) => /\bcurl /.test(text)),
    ];
}

/** The blocks of a page that give something to curl, themselves or by a function that the page has defined with it. */
export function blocksOf(page: string): Block[] {
    let document: Fence | null = null;
    const callers = new Set(['curl']);
    return fencesOf(page).flatMap((fence) => {
        const { language, heading, text } = fence;
        if (language === 'json') document = fence;
        if (!SHELLS.includes(language)) return [];
        for (const [, name] of text.matchAll(/^(\w+)\(\) \{[^}]*\bcurl\b/gm)) callers.add(name!);
        // Where a command can stand: "func durable" calls no function of that name.
        if (!new RegExp(`(^(\\$ )?|[|;({]|\\b(do|then|else|if|while|until)\\b|&&)\\s*(${[...callers].join('|')}) `, 'm').test(text))
            return [];
        const commands = language === 'console' ? consoleCommands(text) : scriptCommands(text);
        return [{ heading, text, commands, document: document?.heading === heading ? document.text : null }];
    });
}

/** A command begins with `$ ` and goes on behind each backslash at the end of a line; what follows is its answer. */
function consoleCommands(text: string): Command[] {
    return text
        .split(/^\$ /m)
        .filter((part) => part.trim() !== '')
        .map((part) => {
            const lines = part.split('\n');
            const end = lines.findIndex((line) => !line.endsWith('\\')) + 1;
            return { text: lines.slice(0, end).join('\n'), shown: lines.slice(end).filter((line) => line !== '') };
        });
}

/** Where commands end is bash's to say: it reads line after line into the body of a function, which it does not run, until that is one. */
const SPLIT = String.raw`
begun=''
while IFS= read -r line; do
    begun+=$line$'\n'
    [[ $line == *\\ ]] && continue
    eval "read_only() { :
$begun}" 2>/dev/null && printf '%s\0' "$begun" && begun=''
done
[[ $begun == '' ]]`;

function scriptCommands(text: string): Command[] {
    const { status, stdout } = spawnSync('bash', ['-c', SPLIT], { input: text, encoding: 'utf8' });
    if (status !== 0) throw new Error(`A command has no end: ${text}`);
    return stdout
        .split('\0')
        .map((command) => ({ text: command.trim(), shown: [] }))
        .filter((command) => command.text !== '');
}

/** Values that a page shows as they are, and so are true and false; of all others only the kind is compared. */
const SAME = ['state', 'outcome', 'kind', 'move', 'code', 'endedBy', 'allowed'];

/** What lines of JSON have in common whatever was measured: their fields, the kinds of the values, and what is named by a word. */
function shapeOf(value: unknown, key = ''): unknown {
    if (SAME.includes(key) || typeof value === 'boolean') return value;
    if (Array.isArray(value)) return value.map((one) => shapeOf(one));
    if (typeof value !== 'object' || value === null) return value === null ? 'null' : typeof value;
    return Object.fromEntries(
        Object.entries(value)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([name, one]) => [name, shapeOf(one, name)]),
    );
}

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

function comparable(line: string): string {
    try {
        return JSON.stringify(shapeOf(JSON.parse(line)));
    } catch {
        return line.replaceAll(UUID, 'UUID');
    }
}

/** Lines that a page shows and that the command has not said, as they were compared. Of a table only the first line is: its columns. */
export function missing(shown: readonly string[], said: readonly string[]): string[] {
    const isTable = shown.length > 1 && !/^[{[]/.test(shown[0]!);
    const left = said.map(comparable);
    return shown.slice(0, isTable ? 1 : undefined).flatMap((line) => {
        const wanted = comparable(line);
        const at = left.indexOf(wanted);
        if (at < 0) return [wanted];
        left.splice(at, 1);
        return [];
    });
}

export const withIds = (text: string, id: string | null): string => (id === null ? text : text.replaceAll(UUID, id));

/** Whether a call of a command was answered as it should be: with success, or with the status of the problem that the page shows below it. */
export function isExpected({ shown }: Command, status: number): boolean {
    const problem = shown.map(problemStatus).find((one) => one !== null);
    return problem ? status === problem : status >= 200 && status < 300;
}

/** Of a problem document; null of anything else, such as the outcome of an item that has failed. */
function problemStatus(line: string): number | null {
    try {
        const { type, status, code } = JSON.parse(line) as { type?: unknown; status?: unknown; code?: unknown };
        return typeof type === 'string' && typeof code === 'string' && typeof status === 'number' ? status : null;
    } catch {
        return null;
    }
}
