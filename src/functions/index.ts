// Registration only: names and bindings. What runs is elsewhere.
import { randomUUID } from 'node:crypto';
import type { InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import './setup';
import './http';
import './timers';
import { expireJob } from '../activities/expireJob';
import { judgeCanary } from '../activities/judgeCanary';
import { stopOverBudget } from '../activities/stopOverBudget';
import { foldJob } from '../activities/foldJob';
import { occupancy } from '../activities/occupancy';
import { planJob } from '../activities/planJob';
import { JobAtTarget } from '../activities/limits/jobAtTarget';
import { Limiters } from '../activities/limits/limiters';
import { monotonicClock, systemClock } from '../activities/processSlice/clock';
import { processSlice, type SliceSurroundings } from '../activities/processSlice/processSlice';
import type { Contract } from '../contracts/contract';
import { reportMessage } from '../contracts/ledger';
import { limiterOfJob } from '../contracts/jobSpec';
import { activities, entities, orchestrators } from '../contracts/names';
import {
    expireInputMessage,
    expireReplyMessage,
    foldInputMessage,
    foldReplyMessage,
    judgeInputMessage,
    judgeReplyMessage,
    planInputMessage,
    planReplyMessage,
    sliceInputMessage,
    stopInputMessage,
    stopReplyMessage,
    unreadLease,
    type ExpireReply,
    type FoldReply,
    type JudgeReply,
    type StopReply,
} from '../contracts/payloads';
import { nothingOpened, type SliceReport } from '../core/ledger';
import type { PlanReply } from '../core/plan';
import type { Trouble } from '../core/trouble';
import { ledger } from '../entities/ledger';
import { Log } from '../log';
import { runJob } from '../orchestrators/runJob';
import { runWorker } from '../orchestrators/runWorker';
import { JobStore } from '../storage/jobStore';
import { troubleOf } from '../storage/trouble';

const processId = randomUUID();
const limiters = new Limiters({ clock: monotonicClock, chance: Math.random, holder: processId });
const atTarget: SliceSurroundings['atTarget'] = (jobId, spec, store, log) => {
    const name = limiterOfJob(spec);
    return name === null ? null : new JobAtTarget(limiters.agent(name, store.limiters, log), jobId, monotonicClock);
};

df.app.orchestration(orchestrators.runJob, runJob);
df.app.orchestration(orchestrators.runWorker, runWorker);
df.app.entity(entities.ledger, ledger);

df.app.activity(activities.planJob, {
    handler: activity(
        planInputMessage,
        planReplyMessage,
        (input, store, log): Promise<PlanReply> => alongside(() => planJob(input, store, log)),
        (trouble): PlanReply => ({ ok: false, trouble }),
    ),
});
df.app.activity(activities.processSlice, {
    handler: activity(
        sliceInputMessage,
        reportMessage,
        (input, store, log): Promise<SliceReport> =>
            processSlice(input, store, {
                clock: systemClock,
                chance: Math.random,
                newRunId: randomUUID,
                enter: (makeRoom) => occupancy.enter(makeRoom),
                atTarget,
                processId,
                log,
            }),
        (trouble, given) => nothingOpened(unreadLease(given), trouble),
    ),
});
df.app.activity(activities.foldJob, {
    handler: activity(
        foldInputMessage,
        foldReplyMessage,
        (input, store, log): Promise<FoldReply> => alongside(() => foldJob(input, store, log)),
        (trouble): FoldReply => ({ kind: 'trouble', trouble }),
    ),
});

df.app.activity(activities.expireJob, {
    handler: activity(
        expireInputMessage,
        expireReplyMessage,
        (input, store, log): Promise<ExpireReply> => expireJob(input, store, log),
        (trouble): ExpireReply => ({ kind: 'trouble', trouble }),
    ),
});
df.app.activity(activities.judgeCanary, {
    handler: activity(
        judgeInputMessage,
        judgeReplyMessage,
        (input, store, log): Promise<JudgeReply> => judgeCanary(input, store, log),
        (trouble): JudgeReply => ({ kind: 'trouble', trouble }),
    ),
});
df.app.activity(activities.stopOverBudget, {
    handler: activity(
        stopInputMessage,
        stopReplyMessage,
        (input, store, log): Promise<StopReply> => stopOverBudget(input, store, log),
        (trouble): StopReply => ({ kind: 'trouble', trouble }),
    ),
});

/**
 * An activity between its contracts. One that throws counts as one whose process died: storage that cannot be opened, and an input of a newer version,
 * are told as data.
 */
function activity<Input, Reply>(
    takes: Contract<Input>,
    gives: Contract<Reply>,
    run: (input: Input, store: JobStore, log: Log) => Promise<Reply>,
    troubled: (trouble: Trouble, given: unknown) => Reply,
): (given: unknown, invocation: InvocationContext) => Promise<Record<string, unknown>> {
    const reply = async (given: unknown, log: Log): Promise<Reply> => {
        let input: Input;
        let store: JobStore;
        try {
            input = takes.read(given);
            store = await JobStore.open();
        } catch (error) {
            return troubled(troubleOf(error), given);
        }
        return run(input, store, log);
    };
    return async (given, invocation) => gives.write(await reply(given, new Log(invocation)));
}

/** Runs what cannot make room, when nobody has the process to himself. */
async function alongside<T>(run: () => Promise<T>): Promise<T> {
    const occupant = await occupancy.enter();
    try {
        return await run();
    } finally {
        occupant.leave();
    }
}
