// docs/cli.md is what the program says of itself.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { cliPage } from '../../src/cli/page';
import { programOf } from '../../src/cli/program';
import { states } from '../../src/core/states';
import { jobStates } from '../../src/cli/commands/jobs/list';
import { Call } from '../../src/cli/use';
import type { Shell } from '../../src/cli/shell';

const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)];

test('the page is made from the help: run `npm run docs:cli` where it is not', async () => {
    expect(readFileSync(path.resolve(__dirname, '../../docs/cli.md'), 'utf8')).toBe(await cliPage());
});

test('every command has an example, and every option that takes a value has a word on what it takes', async () => {
    const page = await cliPage();
    const sections = page.split('\n## fanfold').slice(1);
    const program = programOf(new Call({ stdout: {}, stderr: {} } as Partial<Shell> as Shell), '');
    expect(sections).toHaveLength(all(program).length);
    expect(sections.filter((section) => !/Examples?:\n {2}\S/.test(section)).map((section) => section.split('\n')[0])).toEqual(
        all(program)
            .filter(({ commands, parent }) => commands.length > 0 && parent)
            .map((group) => ` ${group.name()}`),
    );
    expect(
        all(program)
            .flatMap(({ options }) => options)
            .filter(({ description }) => description.length < 10),
    ).toEqual([]);
});

test('the states that can be asked for are those that jobs have', () => {
    expect([...jobStates].sort()).toEqual([...states].sort());
});
