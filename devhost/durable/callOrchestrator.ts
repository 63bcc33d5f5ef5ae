// Asks the orchestrator function what it wants, and looks whether it yields a task a second time.
import type { App, RegisteredFunction } from '../core';
import { ActionType, answerOf, leavesOf, yieldedAgain, type Action, type Answer } from './actions';
import type { FunctionTable } from './ports';
import { triggerOf, type Orchestration } from './instance';

export async function callOrchestrator(functions: FunctionTable, app: App, o: Orchestration): Promise<Answer> {
    const fn = functions.function('orchestrationTrigger', o.record.name);
    if (!fn) {
        const error = `The orchestrator function '${o.record.name}' doesn't exist, is disabled, or is not an orchestrator function.`;
        return { isDone: true, actions: [], error };
    }
    let live: Answer | undefined;
    const watched: RegisteredFunction = { ...fn, callback: async (...args) => (live = (await fn.callback(...args)) as Answer) };
    try {
        const trigger = { name: fn.trigger.name, data: { string: JSON.stringify(triggerOf(o)) } };
        const returned = await app.invoke(watched, [trigger], {});
        const answer = JSON.parse((returned?.string ?? returned?.json ?? 'null') as string) as Answer;
        const twice = live && secondYield(o, live);
        if (twice) return { ...answer, fatal: explain(twice.functionName ?? twice.operation ?? 'a timer') };
        return waitsUnseen(o, answer) ? { ...answer, fatal: explain('not told which') } : answer;
    } catch (error) {
        return answerOf(error) ?? { isDone: true, actions: [], error: (error as Error).message };
    }
}

const explain = (which: string): string =>
    `Non-Deterministic workflow detected: a pending task (${which}) was yielded a second time. ` +
    `The engine schedules it again then, and later results reach the wrong tasks. Yield each task once.`;

/** A task that was yielded again while it had not come back. Only the live objects show it: in JSON, two equal calls look the same. */
function secondYield(o: Orchestration, live: Answer): Action | undefined {
    const leaves = leavesOf(live.actions.flat());
    const pending = new Set([...o.open.values()].map((open) => open.leaf));
    return yieldedAgain(leaves).find((a) => {
        const first = leaves.indexOf(a);
        return a.actionType !== ActionType.ExternalEvent && (first >= o.record.leaves || pending.has(first));
    });
}

/**
 * Yielded a second time by itself, a task leaves no trace in the answer: the orchestrator waits although what it asked for last has come. The real
 * host goes by the answer alone, begins what comes next too early when it replays, and finds that history says otherwise.
 */
function waitsUnseen(o: Orchestration, answer: Answer): boolean {
    if (answer.isDone || o.open.size === 0) return false;
    const pending = new Set([...o.open.values()].map((open) => open.leaf));
    let leaf = 0;
    const hasCome = (a: Action): boolean => {
        if (!a.compoundActions) return leaf++ < o.record.leaves && a.actionType !== ActionType.ExternalEvent && !pending.has(leaf - 1);
        const each = a.compoundActions.map(hasCome);
        return a.actionType === ActionType.Any ? each.includes(true) : !each.includes(false);
    };
    return answer.actions.flat().map(hasCome).at(-1) ?? false;
}
