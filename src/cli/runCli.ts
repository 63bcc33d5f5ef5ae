// One call of the program, from its arguments to its exit code. Nothing is thrown from here.
import { CommanderError } from 'commander';
import { BrokenPipe, tell } from './errors';
import { exitCodes, type ExitCode } from './exitCodes';
import { printableLines } from './output/text';
import { programOf } from './program';
import type { Shell } from './shell';
import { Call } from './use';

export async function runCli(shell: Shell, args: readonly string[], version: string): Promise<ExitCode> {
    const call = new Call(shell);
    try {
        await programOf(call, version).parseAsync(args, { from: 'user' });
        await call.printed;
        return call.code;
    } catch (error) {
        // Help and version are ends like errors there, and its errors are told already.
        if (error instanceof CommanderError) {
            await call.printed.catch(() => undefined);
            return error.exitCode === 0 ? exitCodes.good : exitCodes.error;
        }
        if (error instanceof BrokenPipe) return exitCodes.good;
        const { lines, code } = tell(error, call.session?.knownSettings ?? null);
        lines.forEach((line, at) => shell.stderr.write(`${at === 0 ? 'fanfold: ' : ''}${line}\n`));
        if (isVerbose(call, args) && error instanceof Error) shell.stderr.write(`${printableLines(traceOf(error))}\n`);
        return code;
    }
}

const isVerbose = ({ session, shell }: Call, args: readonly string[]): boolean =>
    session?.options.verbose === true || args.includes('--verbose') || Boolean(shell.env.FANFOLD_DEBUG);

/** With its causes. */
function traceOf(error: Error): string {
    const traces: string[] = [];
    for (let at: unknown = error; at instanceof Error && traces.length < 5; at = at.cause) traces.push(at.stack ?? at.message);
    return traces.join('\ncaused by ');
}
