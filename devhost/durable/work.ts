// Open work of orchestrations: activities that run, timers that wait.
import type { App } from '../core';
import { Gate } from '../gate';
import type { Engine } from './engine';
import type { Orchestration } from './instance';
import { iso, type Open } from './types';

/** setTimeout counts in 31 bits. */
const MAX_TIMEOUT = 2 ** 31 - 1;

type Outcome = { type: 'done'; result: string } | { type: 'failed'; reason: string; details: string };

export class Work {
    private readonly gate: Gate;
    private readonly died: Set<string>;

    constructor(
        private readonly engine: Engine,
        private readonly app: App,
    ) {
        this.gate = new Gate(engine.options.maxActivities);
        this.died = new Set(engine.options.workerDeath?.running);
    }

    /** Begins what is committed as open. What comes of it is a message without a row: lost with the process, it is begun again. */
    begin(o: Orchestration, id: number, open: Open, recovering = false): void {
        if (open.kind === 'timer') this.arm(o, id, open.fireAt);
        if (open.kind !== 'activity') return;
        const { executionId } = o.record;
        const key = `${o.id} ${executionId} ${id}`;
        const tell = (outcome: Outcome) =>
            this.engine.enqueue(o.id, { message: { ...outcome, executionId, taskId: id, child: false, at: iso() } });
        if (recovering && this.died.has(key)) {
            const { how } = this.engine.options.workerDeath!;
            return tell({ type: 'failed', reason: `Activity function '${open.name}' failed:  ${how}`, details: how });
        }
        void this.gate.run(async () => {
            if (this.engine.stopped || o.open.get(id) !== open || o.record.executionId !== executionId) return;
            this.engine.options.onActivity(key, true);
            const outcome = await this.activity(o.id, open);
            this.engine.options.onActivity(key, false);
            if (!this.engine.stopped) tell(outcome);
        });
    }

    private async activity(instanceId: string, { name, input }: { name: string; input: string }): Promise<Outcome> {
        const fn = this.engine.function('activityTrigger', name);
        if (!fn) {
            const reason = `The activity function '${name}' doesn't exist, is disabled, or is not an activity function.`;
            return { type: 'failed', reason, details: '' };
        }
        try {
            const inputs = [{ name: fn.trigger.name, data: input === 'null' ? {} : { string: input } }];
            return { type: 'done', result: resultOf(await this.app.invoke(fn, inputs, { instanceId: { string: instanceId } })) };
        } catch (error) {
            const message = error instanceof Error ? error.message : String(error);
            const details = JSON.stringify({ $type: 'System.Exception', Message: message, StackTrace: (error as Error)?.stack ?? '' });
            return { type: 'failed', reason: `Activity function '${name}' failed:  ${message}`, details };
        }
    }

    private arm(o: Orchestration, id: number, fireAt: string): void {
        const { executionId } = o.record;
        const left = Date.parse(fireAt) - Date.now();
        const ring = () => {
            if (left > MAX_TIMEOUT) return this.arm(o, id, fireAt);
            o.timers.delete(id);
            this.engine.enqueue(o.id, { message: { type: 'timer', executionId, taskId: id, at: iso() } });
        };
        o.timers.set(id, setTimeout(ring, Math.max(0, Math.min(left, MAX_TIMEOUT))));
    }

    disarm(o: Orchestration, id: number): void {
        clearTimeout(o.timers.get(id));
        o.timers.delete(id);
        o.open.delete(id);
    }
}

/** What an activity returned, as JSON text. */
function resultOf(returned: { string?: string; json?: unknown; [kind: string]: unknown } | undefined): string {
    if (!returned) return 'null';
    if (typeof returned.json === 'string') return returned.json;
    for (const kind of ['string', 'int', 'double', 'json']) if (returned[kind] !== undefined) return JSON.stringify(returned[kind]);
    return 'null';
}
