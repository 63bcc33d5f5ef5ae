// fanfold jobs items
import type { Command } from 'commander';
import type { Item } from '../../../client';
import { writeExact } from '../../../json/exactJson';
import { CliError } from '../../errors';
import { whole } from '../../options';
import { writeOne, writeRows } from '../../output/forms';
import type { Column } from '../../output/printer';
import type { Session } from '../../session';
import { example, type Call } from '../../use';

const fields: Column<Item>[] = [
    { name: 'index', of: ({ index }) => index },
    { name: 'key', of: ({ key }) => (key === undefined || key === null ? null : String(key)) },
    { name: 'state', of: ({ state }) => state },
    { name: 'item', of: ({ item }) => writeExact(item) },
    { name: 'status', of: ({ outcome }) => outcome?.status },
    { name: 'error', of: ({ outcome }) => outcome?.error && `${outcome.error.code}: ${outcome.error.message}` },
    { name: 'request', of: ({ outcome }) => outcome?.request },
    { name: 'output', of: ({ outcome }) => (outcome?.output === undefined ? null : writeExact(outcome.output)) },
    { name: 'held', of: ({ held }) => held && `called ${held.throttled} times without using up an attempt; again at ${held.retryAt}` },
];

const attempts: Column<Item['attempts'][number]>[] = [
    { name: 'attempt', of: ({ attempt }) => attempt, right: true },
    { name: 'at', of: ({ at }) => at },
    { name: 'ms', of: ({ ms }) => ms, right: true },
    { name: 'status', of: ({ status }) => status, right: true },
    { name: 'error', of: ({ error }) => error && `${error.code}: ${error.message}` },
    { name: 'again at', of: ({ retryAt }) => retryAt },
];

export function addItems(jobs: Command, call: Call): void {
    jobs.command('items')
        .argument('<id>', 'of the job')
        .argument('[index]', 'position of the item in the source, from 0', whole(0))
        .option('--key <key>', 'in place of the index: the first item that has ended and has this key. All results are read for it')
        .description('one item: what it is, how it ended, every attempt at it')
        .addHelpText(
            'after',
            example(
                'fanfold jobs items 3a49477e-0a97-4c96-a201-3a66a57e9b74 161',
                'fanfold jobs items 3a49477e-0a97-4c96-a201-3a66a57e9b74 --key lagos -o json',
            ),
        )
        .action(
            call.does(async (session: Session, id: string, index: number | undefined, { key }: { key?: string }) => {
                const { printer } = session;
                const item = await find(session, id, index, key);
                await writeOne(printer, fields, item);
                if (printer.form !== 'table' || item.attempts.length === 0) return;
                await printer.stdout.write('\n');
                await writeRows(printer, attempts, item.attempts);
            }),
        );
}

async function find(session: Session, id: string, index: number | undefined, key: string | undefined): Promise<Item> {
    const client = session.client();
    const { signal } = session.shell;
    if ((index === undefined) === (key === undefined)) throw new CliError('Name the item by its index, or by --key KEY.');
    if (index !== undefined) return client.getItem(id, index, { signal });
    const item = await client.getItemByKey(id, key!, { signal });
    if (!item) throw new CliError(`No item that has ended has the key "${key}".`);
    return item;
}
