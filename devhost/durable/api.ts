// The durable HTTP API, and the payload of the durable client binding that points to it.
import { randomUUID } from 'node:crypto';
import type { Engine } from './engine';
import { signal } from './entities';
import { shownHistory } from './history';
import { rowsOfHistory, type Orchestration } from './instance';
import { isEnded, iso, type EntityRecord, type OrchestrationRecord, type Recorded } from './types';

export const MANAGEMENT_PATH = '/runtime/webhooks/durabletask';
export const RPC_PATH = '/durabletask-rpc';

export interface ApiRequest {
    method: string;
    /** Below the API's own path, without a leading slash. */
    path: string;
    query: URLSearchParams;
    body: string;
    origin: string;
    /** Where a list goes on: the token that came with its last page. */
    continuation: string;
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
        if (id.includes('/')) return none(404);
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
        delete links.rewindPostUri;
        return { status: 202, headers: { location: links.statusQueryGetUri!, 'retry-after': '10' }, body: { id, ...links } };
    }

    private async instances(request: ApiRequest, [id, action, name]: string[]): Promise<ApiAnswer> {
        if (!id) return request.method === 'GET' ? this.list(request) : request.method === 'DELETE' ? this.purgeMany(request) : none(404);
        if (id.startsWith('@')) return this.entityInstance(request, id, action);
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
        const rows = query.get('showHistory') === 'true' ? await this.history(o, query.get('showHistoryOutput') === 'true') : null;
        const body = { ...statusOf(o.id, o.record, query.get('showInput') !== 'false'), ...(rows ? { historyEvents: rows } : {}) };
        const ended = o.record && isEnded(o.record.status);
        return { status: ended ? 200 : 202, body };
    }

    private async history(o: Orchestration, withOutput: boolean): Promise<unknown[]> {
        const rows = await this.engine.store.loadInstance(o.id);
        const recorded = rowsOfHistory(o.record, rows).flatMap((r) => r.value as Recorded[]);
        return shownHistory(o, recorded, withOutput);
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
        const prefix = query.get('instanceIdPrefix') ?? '';
        // A token is the first id of the next page.
        const begin = Buffer.from(request.continuation, 'base64').toString();
        const rows = (await this.engine.store.loadInstances())
            .map(({ id, value }) => ({ id, ...listed(value as OrchestrationRecord | EntityRecord) }))
            .filter(
                ({ id, status, createdAt }) =>
                    id.startsWith(prefix) &&
                    id >= begin &&
                    (!states || states.includes(status.toLowerCase())) &&
                    Date.parse(createdAt) >= from &&
                    Date.parse(createdAt) <= to,
            )
            .sort((a, b) => (a.id < b.id ? -1 : 1));
        const top = Number(query.get('top')) || rows.length;
        const next = rows[top];
        return {
            status: 200,
            ...(next ? { headers: { 'x-ms-continuation-token': Buffer.from(next.id).toString('base64') } } : {}),
            body: rows.slice(0, top).map(({ id, show }) => show(id, query.get('showInput') !== 'false')),
        };
    }

    /** An entity is an instance that runs for ever. */
    private async entityInstance(request: ApiRequest, id: string, action: string | undefined): Promise<ApiAnswer> {
        const { record } = await this.engine.findEntity(id);
        if (!record.exists || action || request.method !== 'GET') return none(404);
        return { status: 202, body: statusOfEntity(id, record, request.query.get('showInput') !== 'false') };
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
            const o = instanceId.startsWith('@') ? null : await this.engine.find(instanceId);
            if (o && (await this.purge(o)).status === 200) instancesDeleted++;
        }
        return instancesDeleted > 0 ? { status: 200, body: { instancesDeleted } } : none(404);
    }

    private async entities(request: ApiRequest, [name, key]: string[]): Promise<ApiAnswer> {
        if (!name || key === undefined) return request.method === 'GET' ? this.listEntities(name ?? '') : none(404);
        const id = `@${name.toLowerCase()}@${key}`;
        if (request.method === 'POST') {
            const input = request.body === '' ? null : request.body;
            await this.engine.send(id, signal(request.query.get('op') ?? '', input));
            return none(202);
        }
        const { record }: { record: EntityRecord } = await this.engine.findEntity(id);
        // One that exists without a state is as none, as on the real host.
        return record.exists && record.state !== null ? { status: 200, body: JSON.parse(record.state) as unknown } : none(404);
    }

    private async listEntities(name: string): Promise<ApiAnswer> {
        const rows = (await this.engine.store.loadInstances()).map((r) => ({ id: r.id, record: r.value as EntityRecord }));
        const body = rows
            .filter(
                ({ id, record }) => record.kind === 'entity' && record.exists && id.startsWith(`@${name ? `${name.toLowerCase()}@` : ''}`),
            )
            .map(({ id, record }) => ({
                entityId: { name: id.split('@')[1], key: id.split('@').slice(2).join('@') },
                lastOperationTime: record.updatedAt,
                state: record.state === null ? null : (JSON.parse(record.state) as unknown),
            }));
        return { status: 200, body };
    }
}

/** What of a record a list goes by, and how it is shown. */
function listed(record: OrchestrationRecord | EntityRecord) {
    if (record.kind === 'entity')
        return {
            // One that is gone is not found by any state.
            status: record.exists ? 'Running' : '',
            createdAt: record.exists ? record.updatedAt : '',
            show: (id: string, showInput: boolean) => statusOfEntity(id, record, showInput),
        };
    const show = (id: string, showInput: boolean) => statusOf(id, record, showInput);
    return { status: record.status, createdAt: record.createdAt, show };
}

const seconds = (t: string) => t.replace(/\.\d+Z$/, 'Z');

function statusOfEntity(id: string, record: EntityRecord, showInput: boolean): Record<string, unknown> {
    const input = { exists: record.exists, ...(record.state === null ? {} : { state: record.state }), sorter: {} };
    return {
        name: id,
        instanceId: id,
        runtimeStatus: 'Running',
        input: showInput ? input : null,
        customStatus: { entityExists: record.exists },
        output: null,
        createdTime: seconds(record.updatedAt),
        lastUpdatedTime: seconds(record.updatedAt),
    };
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
