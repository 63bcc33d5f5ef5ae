// What a completion knows of the program: each command by its path, with what may follow.
import type { Argument, Command, Option } from 'commander';

export interface Word {
    word: string;
    about: string;
}

export interface Flag {
    /** All its spellings, such as `-o` and `--output`. */
    spellings: string[];
    about: string;
    /** What follows it: nothing, one of these values, a file, or something else. */
    value: 'none' | 'file' | 'other' | string[];
}

export interface Node {
    /** Names from the program on, itself aside: `jobs list`; empty for the program. */
    path: string;
    commands: Word[];
    flags: Flag[];
    /** What its argument is. */
    argument: Flag['value'];
}

/** Every command, the program first. */
export function nodesOf(program: Command): Node[] {
    const shared = flagsOf(program);
    const walk = (command: Command, path: string[]): Node[] => [
        {
            path: path.join(' '),
            commands: command.commands.map((child) => ({ word: child.name(), about: short(child.description()) })),
            flags: [...(command === program ? [] : flagsOf(command)), ...shared, HELP],
            argument: command.registeredArguments[0] ? valueOf(command.registeredArguments[0]) : 'none',
        },
        ...command.commands.flatMap((child) => walk(child, [...path, child.name()])),
    ];
    return walk(program, []);
}

const HELP: Flag = { spellings: ['-h', '--help'], about: 'show help', value: 'none' };

const flagsOf = (command: Command): Flag[] =>
    command.options.map((option) => ({
        spellings: [option.short, option.long].filter((one) => one !== undefined),
        about: short(option.description),
        value: option.required || option.optional ? valueOf(option) : 'none',
    }));

/** By its choices; else it is a file where its name says so. */
function valueOf(taken: Option | Argument): Flag['value'] {
    if (taken.argChoices) return taken.argChoices;
    const name = 'flags' in taken ? taken.flags : taken.name();
    return /\bfile\b/.test(name) ? 'file' : 'other';
}

/** The first sentence, without what brackets add. */
const short = (text: string): string =>
    text
        .replace(/ \(.*/s, '')
        .replace(/[.;:] .*/s, '')
        .slice(0, 80);
