// Open work of orchestrations: activities that run, timers that wait.
import type { App, RpcValue } from '../core';
import { Semaphore } from '../semaphore';
import type { WorkPort } from './ports';
import type { Orchestration } from './instance';
import { iso, type Open } from './messages';

/** setTimeout counts in 31 bits. */
const MAX_TIMEOUT = 2 ** 31 - 1;

type Outcome = { type: 'done'; result: string } | { type: 'failed'; reason: string; details: string };

export class Work {
    private readonly slots: Semaphore;
    private readonly died: Set<string>;

    constructor(
        private readonly engine: WorkPort,
        private readonly app: App,
    ) {
        this.slots = new Semaphore(engine.options.maxActivities);
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
        const work = async () => {
            if (this.engine.stopped || o.open.get(id) !== open || o.record.executionId !== executionId) return;
            this.engine.options.onActivity(key, true);
            const outcome = await this.faulty(o.id, open, tell);
            this.engine.options.onActivity(key, false);
            if (!this.engine.stopped) tell(outcome);
        };
        this.slots
            .run(work)
            .catch((error: unknown) => this.engine.options.log('error', 'Host.Durable', `activity ${open.name}: ${String(error)}`));
    }

    /** An activity, and what the fault plan makes of it. A zombie is told as dead while its code runs on. */
    private async faulty(instanceId: string, call: { name: string; input: string }, tell: (outcome: Outcome) => void): Promise<Outcome> {
        const fault = this.engine.options.faults?.strike('activity', call.name);
        if (fault?.do === 'delay') await new Promise((resolve) => setTimeout(resolve, fault.ms ?? 1000));
        const running = this.activity(instanceId, call);
        if (fault?.do === 'twice') this.activity(instanceId, call).then(tell, tell);
        if (fault?.do !== 'zombie') return running;
        await new Promise((resolve) => setTimeout(resolve, fault.ms ?? 1000));
        const how = 'node exited with code 137 (0x89)';
        return { type: 'failed', reason: `Activity function '${call.name}' failed:  ${how}`, details: how };
    }

    private async activity(instanceId: string, { name, input }: { name: string; input: string }): Promise<Outcome> {
        const fn = this.engine.function('activityTrigger', name);
        if (!fn) {
            const reason = `The activity function '${name}' doesn't exist, is disabled, or is not an activity function.`;
            return { type: 'failed', reason, details: '' };
        }
        try {
            const { name: binding } = fn.trigger;
            const inputs = [{ name: binding, data: input === 'null' ? {} : { string: input } }];
            return { type: 'done', result: resultOf(await this.app.invoke(fn, inputs, metadataOf(instanceId, binding, input))) };
        } catch (error) {
            const message = error instanceof Error ? error.message : String(error);
            return { type: 'failed', reason: `Activity function '${name}' failed:  ${message}`, details: exceptionOf(error, message) };
        }
    }

    private arm(o: Orchestration, id: number, fireAt: string): void {
        const { executionId } = o.record;
        const early = this.engine.options.faults?.strike('timer', o.record.name)?.ms ?? 0;
        const left = Date.parse(fireAt) - Date.now() - early;
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

/** What comes with an activity's input: the input once more, and what is plain in it by name. */
function metadataOf(instanceId: string, binding: string, input: string): Record<string, RpcValue> {
    const host = { instanceId: { string: instanceId } };
    if (input === 'null') return host;
    const bare = input === 'True' || input === 'False';
    const json = bare ? input.toLowerCase() : input.startsWith('"') ? JSON.stringify(input) : input;
    const plain = input.startsWith('{')
        ? Object.entries(JSON.parse(input) as object).flatMap(([name, value]) =>
              typeof value === 'object' ? [] : [[name, { string: String(value) }] as const],
          )
        : [];
    return { ...Object.fromEntries(plain), ...host, [binding]: { string: input }, data: { json } };
}

/** A failed activity's details: the exception of the real host, as .NET writes it, without the stack of .NET. */
function exceptionOf(error: unknown, message: string): string {
    const stack = (error as Error | null)?.stack ?? message;
    const core = 'System.Private.CoreLib';
    const none = (names: string) => Object.fromEntries(names.split(' ').map((name) => [name, null]));
    const inner = {
        $type: 'Microsoft.Azure.WebJobs.Script.Workers.Rpc.RpcException, Microsoft.Azure.WebJobs.Script',
        ...none('RemoteTypeName InnerException HelpLink'),
        ...{ IsUserException: false, RemoteStackTrace: stack, RemoteMessage: message, Source: core, HResult: -2146233088 },
        Message: `Result: Failure\nException: ${message}\nStack: ${stack}`,
        Data: { $type: `System.Collections.ListDictionaryInternal, ${core}` },
        StackTrace: '   at the local host',
    };
    return JSON.stringify({
        ...{ $type: `System.Exception, ${core}`, ClassName: 'System.Exception', Message: ` ${message}` },
        ...{ InnerException: inner, HResult: inner.HResult, RemoteStackIndex: 0 },
        ...none('Data HelpURL StackTraceString RemoteStackTraceString ExceptionMethod Source WatsonBuckets'),
    });
}

/** What an activity returned, as JSON text. */
function resultOf(returned: { string?: string; json?: unknown; [kind: string]: unknown } | undefined): string {
    if (!returned) return 'null';
    if (typeof returned.json === 'string') return returned.json;
    for (const kind of ['string', 'int', 'double', 'json']) if (returned[kind] !== undefined) return JSON.stringify(returned[kind]);
    return 'null';
}
