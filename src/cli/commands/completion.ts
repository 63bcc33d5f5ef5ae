// fanfold completion
import type { Command } from 'commander';
import { Argument } from 'commander';
import { completionScript, shells, type ShellName } from '../completion/script';
import type { Session } from '../session';
import { example, type Call } from '../use';

export function addCompletion(program: Command, call: Call): void {
    program
        .command('completion')
        .addArgument(new Argument('<shell>', 'whose script').choices(shells))
        .description('print a script that completes commands, options and values in a shell')
        .addHelpText(
            'after',
            example(
                'source <(fanfold completion bash)                                    # in ~/.bashrc',
                'source <(fanfold completion zsh)                                     # in ~/.zshrc, after compinit',
                'fanfold completion fish > ~/.config/fish/completions/fanfold.fish',
            ),
        )
        .action(call.does(async (session: Session, shell: ShellName) => session.shell.stdout.write(completionScript(program, shell))));
}
