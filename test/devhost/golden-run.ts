// The app of the recordings on the local host, and what the host gives it.
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startHost, type RunningHost } from '../support/host';
import { until } from '../support/until';
import { episodesOf, functionOf, goldenApp, type Answer, type Episode, type Invocation } from './golden';

const durable = 'AzureFunctionsJobHost__extensions__durableTask__';
/** The recordings were made on two hubs; on the second one the app had a version. */
export const SECOND_HUB = { [`${durable}hubName`]: 'probe5', [`${durable}defaultVersion`]: '1.0' };

export class Recorded {
    readonly file = path.join(os.tmpdir(), `golden-${randomUUID()}`);
    host!: RunningHost;
    private readonly lines: Invocation[] = [];
    private bytes = 0;

    async start(env: Record<string, string> = {}): Promise<void> {
        this.host = await startHost({ app: goldenApp, env: { GOLDEN_RECORD: this.file, ...env } });
    }

    async stop(): Promise<void> {
        await this.host?.stop();
        rmSync(this.file, { force: true });
    }

    /** All invocations so far; the last line may still be in the making. */
    invocations(): Invocation[] {
        const text = existsSync(this.file) ? readFileSync(this.file) : Buffer.alloc(0);
        const end = text.lastIndexOf('\n') + 1;
        for (const line of text.subarray(this.bytes, end).toString().split('\n').filter(Boolean))
            this.lines.push(JSON.parse(line) as Invocation);
        this.bytes = Math.max(this.bytes, end);
        return this.lines.filter((l) => l.req);
    }

    capabilities(): unknown {
        this.invocations();
        return this.lines.find((l) => !l.req);
    }

    episodes(instance: string): Episode[] {
        return this.invocations().flatMap((line) => {
            const text = line.req.request.inputData[0]?.data.string;
            if (!text?.startsWith('{"history"')) return [];
            const trigger = JSON.parse(text) as Episode['trigger'];
            if (trigger.instanceId !== instance) return [];
            const returned = line.res?.returnValue;
            const answer =
                line.thrown === undefined
                    ? (JSON.parse((returned?.string ?? returned?.json) as string) as Answer)
                    : { thrown: line.thrown };
            return [{ trigger, answer }];
        });
    }

    /** Starts an instance as the recorded one was started. */
    async run(scenario: string, id: string = randomUUID().replaceAll('-', '')): Promise<string> {
        const input = episodesOf(scenario)[0]!.trigger.history[1]!.Input!;
        // Started without an input, an instance has an empty text.
        const body = input === '""' ? {} : { body: input };
        const url = `${this.host.url}/api/start?name=${functionOf(scenario)}&id=${id}`;
        expect((await fetch(url, { method: 'POST', ...body })).status).toBe(202);
        return id;
    }

    private api(id: string, rest = ''): string {
        return `${this.host.url}/runtime/webhooks/durabletask/instances/${id}${rest}`;
    }

    async post(id: string, rest: string, body?: unknown): Promise<void> {
        const init = body === undefined ? {} : { body: JSON.stringify(body) };
        expect((await fetch(this.api(id, rest), { method: 'POST', ...init })).status).toBe(202);
    }

    async status(id: string): Promise<{ runtimeStatus: string; output: unknown; customStatus: unknown }> {
        return (await (await fetch(this.api(id))).json()) as { runtimeStatus: string; output: unknown; customStatus: unknown };
    }

    async ended(id: string): Promise<{ runtimeStatus: string; output: unknown }> {
        let last = await this.status(id);
        await until(
            async () => ['Completed', 'Failed', 'Terminated'].includes((last = await this.status(id)).runtimeStatus),
            () => `${id}: ${JSON.stringify(last)}\n${this.host.output()}`,
        );
        return last;
    }

    /** When the instance has had so many episodes. */
    async had(id: string, count: number): Promise<void> {
        await until(
            () => this.episodes(id).length >= count,
            () => `${id} has had ${this.episodes(id).length} of ${count} episodes`,
        );
    }
}
