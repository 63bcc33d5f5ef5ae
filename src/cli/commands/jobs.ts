// fanfold jobs …: the commands about jobs that are there.
import type { Command } from 'commander';
import type { Call } from '../use';
import { addGet } from './jobs/get';
import { addItems } from './jobs/items';
import { addList } from './jobs/list';
import { addMoves } from './jobs/moves';
import { addResults } from './jobs/results';
import { addTimeline } from './jobs/timeline';
import { addVerify } from './jobs/verify';
import { addWatch } from './jobs/watch';

export function addJobs(program: Command, call: Call): void {
    const jobs = program.command('jobs').description('jobs that are there: look at them, watch them, steer them');
    for (const add of [addList, addGet, addWatch, addResults, addItems, addMoves, addVerify, addTimeline]) add(jobs, call);
}
