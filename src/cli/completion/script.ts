// Completion scripts, made from the program's own tree. They call nothing: a key press costs no process.
import type { Command } from 'commander';
import { nodesOf, type Flag, type Node } from './tree';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type ShellName = (typeof shells)[number];

const writers: Record<ShellName, (nodes: Node[]) => string> = { bash, zsh, fish };

export const completionScript = (program: Command, shell: ShellName): string => writers[shell](nodesOf(program));

/** In single quotes, as all three shells take them. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const valued = ({ flags }: Node): Flag[] => flags.filter(({ value }) => value !== 'none');

/** Paths of commands, so that a word that follows one can be told from an argument. */
const pathsOf = (nodes: Node[]): string[] => nodes.filter(({ path }) => path !== '').map(({ path }) => path);

/** Spellings of all flags that take a value: the word behind one is no command. */
const takers = (nodes: Node[]): string[] => [...new Set(nodes.flatMap(valued).flatMap(({ spellings }) => spellings))];

/** The long spellings of a flag, which are those that are offered. */
const longOf = ({ spellings }: Flag): string[] => spellings.filter((one) => one.startsWith('--'));

/** What bash and zsh do behind one command: the value of the flag before, then its flags, then what else it takes. */
function caseOf(node: Node, values: (value: Flag['value']) => string, flags: string, rest: string): string {
    const takers = valued(node).map(({ spellings, value }) => `                ${spellings.join('|')}) ${values(value)}; return ;;`);
    return `        ${quoted(node.path)})
            case "$prev" in
${takers.join('\n')}
            esac
            if [[ $cur == -* ]]; then
                ${flags}
            else
                ${rest}
            fi ;;`;
}

function bash(nodes: Node[]): string {
    const values = (value: Flag['value']): string =>
        value === 'file'
            ? // A line for each: names have spaces.
              `local IFS=$'\\n'; COMPREPLY=($(compgen -f -- "$cur")); compopt -o filenames 2>/dev/null`
            : Array.isArray(value)
              ? `COMPREPLY=($(compgen -W ${quoted(value.join(' '))} -- "$cur"))`
              : ':';
    const cases = nodes.map((node) => {
        const words = node.flags.flatMap(longOf);
        const rest =
            node.commands.length > 0
                ? `COMPREPLY=($(compgen -W ${quoted(node.commands.map(({ word }) => word).join(' '))} -- "$cur"))`
                : values(node.argument);
        return caseOf(node, values, `COMPREPLY=($(compgen -W ${quoted(words.join(' '))} -- "$cur"))`, rest);
    });
    return `# Completion of fanfold for bash. In ~/.bashrc: source <(fanfold completion bash)
_fanfold() {
    local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} path='' word skip=0 i
    COMPREPLY=()
    # --output=json comes as three words.
    if [[ $cur == '=' ]]; then cur=''; elif [[ $prev == '=' ]]; then prev=\${COMP_WORDS[COMP_CWORD-2]}; fi
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=\${COMP_WORDS[i]}
        if [[ $word == '=' ]]; then skip=1; continue; fi
        if ((skip)); then skip=0; continue; fi
        case "$word" in
            ${takers(nodes).join('|')}) skip=1; continue ;;
        esac
        case "\${path:+$path }$word" in
            ${pathsOf(nodes).map(quoted).join('|')}) path="\${path:+$path }$word" ;;
        esac
    done
    case "$path" in
${cases.join('\n')}
    esac
}
complete -F _fanfold fanfold
`;
}

function zsh(nodes: Node[]): string {
    const described = (word: string, about: string): string => quoted(`${word.replaceAll(':', '\\:')}:${about}`);
    const values = (value: Flag['value']): string =>
        value === 'file' ? '_files' : Array.isArray(value) ? `compadd -- ${value.map(quoted).join(' ')}` : ':';
    const cases = nodes.map((node) => {
        const words = node.flags.flatMap((flag) => longOf(flag).map((one) => described(one, flag.about)));
        const rest =
            node.commands.length > 0
                ? `found=(${node.commands.map(({ word, about }) => described(word, about)).join(' ')}); _describe -t commands command found`
                : values(node.argument);
        return caseOf(node, values, `found=(${words.join(' ')}); _describe -t options option found`, rest);
    });
    return `#compdef fanfold
# Completion of fanfold for zsh. In ~/.zshrc, after compinit: source <(fanfold completion zsh)
_fanfold() {
    local cur=\${words[CURRENT]} prev=\${words[CURRENT-1]} path_='' word skip=0 i
    local -a found
    if [[ $cur == --*=* ]]; then prev=\${cur%%=*} cur=\${cur#*=}; compset -P '*='; fi
    for ((i = 2; i < CURRENT; i++)); do
        word=\${words[i]}
        if ((skip)); then skip=0; continue; fi
        case "$word" in
            ${takers(nodes).join('|')}) skip=1; continue ;;
        esac
        case "\${path_:+$path_ }$word" in
            ${pathsOf(nodes).map(quoted).join('|')}) path_="\${path_:+$path_ }$word" ;;
        esac
    done
    case "$path_" in
${cases.join('\n')}
    esac
}
if [[ $funcstack[1] == _fanfold ]]; then _fanfold "$@"; else compdef _fanfold fanfold; fi
`;
}

function fish(nodes: Node[]): string {
    const lines = nodes.flatMap((node) => {
        const here = `-n ${quoted(`__fanfold_at ${node.path}`)}`;
        return [
            ...node.commands.map(({ word, about }) => `complete -c fanfold ${here} -f -a ${quoted(word)} -d ${quoted(about)}`),
            ...(node.argument === 'file' ? [`complete -c fanfold ${here} -F`] : []),
            ...(Array.isArray(node.argument) ? [`complete -c fanfold ${here} -f -a ${quoted(node.argument.join(' '))}`] : []),
            ...node.flags.map((flag) => fishFlag(here, flag)),
        ];
    });
    return `# Completion of fanfold for fish. fanfold completion fish > ~/.config/fish/completions/fanfold.fish
function __fanfold_at
    set -l path
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        if contains -- $word ${takers(nodes).join(' ')}
            set skip 1
            continue
        end
        if contains -- "$path $word" ${pathsOf(nodes)
            .map((path) => quoted(` ${path}`))
            .join(' ')}
            set path "$path $word"
        end
    end
    test "$path" = (string join ' ' '' $argv | string collect)
end
complete -c fanfold -f
${lines.join('\n')}
`;
}

function fishFlag(here: string, { spellings, about, value }: Flag): string {
    const names = spellings.map((one) => (one.startsWith('--') ? `-l ${one.slice(2)}` : `-s ${one.slice(1)}`));
    const takes = value === 'none' ? '' : value === 'file' ? ' -r -F' : Array.isArray(value) ? ` -x -a ${quoted(value.join(' '))}` : ' -x';
    return `complete -c fanfold ${here} ${names.join(' ')}${takes} -d ${quoted(about)}`;
}
