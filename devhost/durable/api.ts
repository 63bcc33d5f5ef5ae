// The durable HTTP API, and the payload of the durable client binding that points to it.
import { randomUUID } from 'node:crypto';
import type { Engine } from './engine';
import { signal } from './entities';
import { rowsOfHistory, type Orchestration } from './instance';
import { EventType, isEnded, iso, type EntityRecord, type OrchestrationRecord, type Recorded } from './types';

export const MANAGEMENT_PATH = '/runtime/webhooks/durabletask';
export const RPC_PATH = '/durabletask-rpc';

export interface ApiRequest {
    method: string;
    /** Below the API's own path, without a leading slash. */
    path: string;
    query: URLSearchParams;
    body: string;
    origin: string;
}

export interface ApiAnswer {
    status: number;
    headers?: Record<string, string>;
    body?: unknown;
}

const none = (status: number): ApiAnswer => ({ status });

export class DurableApi {
    constructor(
        private readonly engine: Engine,
        private readonly hub: string,
    ) {}

    clientBinding(origin: string): string {
        const base = `${origin}${MANAGEMENT_PATH}`;
        const query = `taskHub=${this.hub}&connection=Storage&code=local`;
        const create = (extra: string) => `${base}/orchestrators/{functionName}[/{instanceId}]?${extra}code=local`;
        return JSON.stringify({
            taskHubName: this.hub,
            connectionName: null,
            creationUrls: {
                createNewInstancePostUri: create(''),
                createAndWaitOnNewInstancePostUri: create('timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}&'),
            },
            managementUrls: { id: 'INSTANCEID', ...urls(base, 'INSTANCEID', query) },
            baseUrl: base,
            requiredQueryStringParameters: 'code=local',
            rpcBaseUrl: `${origin}${RPC_PATH}/`,
            httpBaseUrl: null,
            maxGrpcMessageSizeInBytes: null,
            grpcHttpClientTimeout: null,
        });
    }

    async answer(request: ApiRequest): Promise<ApiAnswer> {
        const [kind, ...rest] = request.path.split('/').filter(Boolean).map(decodeURIComponent);
        if (kind === 'orchestrators' && request.method === 'POST' && rest[0]) return this.start(request, rest[0], rest[1]);
        if (kind === 'instances') return this.instances(request, rest);
        if (kind === 'entities') return this.entities(request, rest);
        return none(404);
    }

    private async start(request: ApiRequest, name: string, id: string = randomUUID().replaceAll('-', '')): Promise<ApiAnswer> {
        if (id.length > 256 || id.startsWith('@') || /[/\\?#]/.test(id))
            return {
                status: 400,
                body: { Message: `"${id}" is not an instance id: at most 256 characters, no leading @, none of / \\ ? #` },
            };
        const input = request.body === '' ? null : request.body;
        if (input !== null && !isJson(input)) return { status: 400, body: { Message: 'The request body is not JSON.' } };
        const version = request.query.get('version') ?? this.engine.options.defaultVersion;
        if (!(await this.engine.start(id, { type: 'start', name, input, version, parent: null, at: iso() })))
            return { status: 409, body: { Message: `An Orchestration instance with the id ${id} is active already.` } };
        const base = `${request.origin}${MANAGEMENT_PATH}`;
        const links = urls(base, id, `taskHub=${this.hub}&connection=Storage&code=local`);
        return { status: 202, headers: { location: links.statusQueryGetUri!, 'retry-after': '10' }, body: { id, ...links } };
    }

    private async instances(request: ApiRequest, [id, action, name]: string[]): Promise<ApiAnswer> {
        if (!id) return request.method === 'GET' ? this.list(request) : request.method === 'DELETE' ? this.purgeMany(request) : none(404);
        const o = await this.engine.find(id);
        if (!o) return none(404);
        if (!action)
            return request.method === 'GET' ? this.status(o, request.query) : request.method === 'DELETE' ? this.purge(o) : none(404);
        if (request.method !== 'POST') return none(404);
        const ended = o.record && isEnded(o.record.status);
        if (action === 'raiseEvent' && name) {
            if (ended) return none(410);
            if (!isJson(request.body)) return { status: 400, body: { Message: 'The event needs a JSON body.' } };
            await this.engine.send(id, { type: 'event', name, input: request.body, at: iso() });
            return none(202);
        }
        if (action === 'terminate' || action === 'suspend' || action === 'resume') {
            if (!ended) await this.engine.control(id, action, request.query.get('reason') ?? '');
            return none(202);
        }
        return { status: 501, body: { Message: `The local host does not support "${action}".` } };
    }

    private async status(o: Orchestration, query: URLSearchParams): Promise<ApiAnswer> {
        const rows = query.get('showHistory') === 'true' ? await this.history(o) : null;
        const body = { ...statusOf(o.id, o.record, query.get('showInput') !== 'false'), ...(rows ? { historyEvents: rows } : {}) };
        const ended = o.record && isEnded(o.record.status);
        return { status: ended ? 200 : 202, body };
    }

    private async history(o: Orchestration): Promise<unknown[]> {
        const rows = await this.engine.store.loadInstance(o.id);
        const events = rowsOfHistory(o.record, rows).flatMap((r) => (r.value as Recorded[]).map((x) => x.event));
        const nameOf = Object.fromEntries(Object.entries(EventType).map(([name, n]) => [n, name]));
        return events
            .filter((e) => e.EventType !== EventType.OrchestratorStarted && e.EventType !== EventType.OrchestratorCompleted)
            .map((e) => ({ ...e, EventType: nameOf[e.EventType] }));
    }

    private async list(request: ApiRequest): Promise<ApiAnswer> {
        const { query } = request;
        const states = query
            .get('runtimeStatus')
            ?.split(',')
            .filter(Boolean)
            .map((s) => s.toLowerCase());
        const from = Date.parse(query.get('createdTimeFrom') ?? '') || 0;
        const to = Date.parse(query.get('createdTimeTo') ?? '') || Infinity;
        const rows = (await this.engine.store.loadInstances()).flatMap((r) =>
            (r.value as { kind: string }).kind === 'orchestration' ? [{ id: r.id, record: r.value as OrchestrationRecord }] : [],
        );
        const fits = rows.filter(
            ({ record }) =>
                (!states || states.includes(record.status.toLowerCase())) &&
                Date.parse(record.createdAt) >= from &&
                Date.parse(record.createdAt) <= to,
        );
        return { status: 200, body: fits.map(({ id, record }) => statusOf(id, record, query.get('showInput') !== 'false')) };
    }

    private async purge(o: Orchestration): Promise<ApiAnswer> {
        if (!o.record || !isEnded(o.record.status)) return none(404);
        await this.engine.purge(o);
        return { status: 200, body: { instancesDeleted: 1 } };
    }

    private async purgeMany(request: ApiRequest): Promise<ApiAnswer> {
        const listed = (await this.list(request)).body as { instanceId: string }[];
        let instancesDeleted = 0;
        for (const { instanceId } of listed) {
            const o = await this.engine.find(instanceId);
            if (o && (await this.purge(o)).status === 200) instancesDeleted++;
        }
        return instancesDeleted > 0 ? { status: 200, body: { instancesDeleted } } : none(404);
    }

    private async entities(request: ApiRequest, [name, key]: string[]): Promise<ApiAnswer> {
        if (!name || key === undefined)
            return { status: 501, body: { Message: 'The local host does not list entities; ask for one by name and key.' } };
        const id = `@${name.toLowerCase()}@${key}`;
        if (request.method === 'POST') {
            const input = request.body === '' ? null : request.body;
            await this.engine.send(id, signal(request.query.get('op') ?? '', input));
            return none(202);
        }
        const { record }: { record: EntityRecord } = await this.engine.findEntity(id);
        return record.exists ? { status: 200, body: JSON.parse(record.state ?? 'null') as unknown } : none(404);
    }
}

function statusOf(id: string, record: OrchestrationRecord | undefined, showInput: boolean): Record<string, unknown> {
    if (!record)
        return {
            name: null,
            instanceId: id,
            runtimeStatus: 'Pending',
            input: null,
            customStatus: null,
            output: null,
            createdTime: iso(),
            lastUpdatedTime: iso(),
        };
    const seconds = (t: string) => t.replace(/\.\d+Z$/, 'Z');
    return {
        name: record.name,
        instanceId: id,
        runtimeStatus: record.status,
        input: showInput && record.input !== null ? (JSON.parse(record.input) as unknown) : null,
        customStatus: record.customStatus ?? null,
        output: record.output ?? null,
        createdTime: seconds(record.createdAt),
        lastUpdatedTime: seconds(record.updatedAt),
    };
}

function urls(base: string, id: string, query: string): Record<string, string> {
    const at = `${base}/instances/${id === 'INSTANCEID' ? id : encodeURIComponent(id)}`;
    return {
        statusQueryGetUri: `${at}?${query}`,
        sendEventPostUri: `${at}/raiseEvent/{eventName}?${query}`,
        terminatePostUri: `${at}/terminate?reason={text}&${query}`,
        rewindPostUri: `${at}/rewind?reason={text}&${query}`,
        purgeHistoryDeleteUri: `${at}?${query}`,
        restartPostUri: `${at}/restart?${query}`,
        suspendPostUri: `${at}/suspend?reason={text}&${query}`,
        resumePostUri: `${at}/resume?reason={text}&${query}`,
    };
}

function isJson(text: string): boolean {
    try {
        JSON.parse(text);
        return text !== '';
    } catch {
        return false; // told to the caller as 400
    }
}
