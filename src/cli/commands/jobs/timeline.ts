// fanfold jobs timeline
import type { Command } from 'commander';
import type { Timeline } from '../../../client';
import { writeExact } from '../../../json/exactJson';
import { writeRows } from '../../output/forms';
import type { Column } from '../../output/printer';
import type { Session } from '../../session';
import { example, type Call } from '../../use';

type Event = Timeline['events'][number];

const columns: Column<Event>[] = [
    { name: 'at', of: ({ at }) => at },
    { name: 'kind', of: ({ kind }) => kind },
    { name: 'what', of: whatOf },
];

/** Every field that an event has beside these two: kinds that are new to this program are told as well. */
function whatOf({ at: _at, kind, ...fields }: Event): string {
    return Object.entries(fields)
        .map(([name, value]) => {
            const text = typeof value === 'string' ? value : writeExact(value);
            return name === kind ? text : `${name}: ${text}`;
        })
        .join(', ');
}

export function addTimeline(jobs: Command, call: Call): void {
    jobs.command('timeline')
        .argument('<id>', 'of the job')
        .description('what happened to the job as a whole: moves, changes of limits, states, crashes')
        .addHelpText('after', example('fanfold jobs timeline 3a49477e-0a97-4c96-a201-3a66a57e9b74'))
        .action(
            call.does(async (session: Session, id: string) => {
                const { events } = await session.client().getTimeline(id, { signal: session.shell.signal });
                await writeRows(session.printer, columns, events);
            }),
        );
}
