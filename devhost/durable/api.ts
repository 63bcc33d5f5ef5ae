// The durable HTTP API, and the payload of the durable client binding that points to it.
import { randomUUID } from 'node:crypto';
import type { Engine } from './engine';
import { signal } from './entities';
import { shownHistory } from './history';
import { rowsOfHistory, type Orchestration } from './instance';
import { isEnded, iso, type EntityRecord, type OrchestrationRecord, type Recorded } from './messages';

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
const refused = (Message: string, status = 400): ApiAnswer => ({ status, body: { Message } });

export class DurableApi {
    constructor(
        private readonly engine: Engine,
        private readonly hub: string,
        private readonly port: number,
        /** The system key that the API asks for; null: none. */
        private readonly key: string | null,
    ) {}

    /** What stands in the place of the key in URLs. */
    private get code(): string {
        return this.key ?? 'local';
    }

    /** Whether a request comes with the system key, as one of the real host's has it. */
    admits({ query, header }: { query: URLSearchParams; header: string | string[] | undefined }): boolean {
        return this.key === null || query.get('code') === this.key || header === this.key;
    }

    /** Where the app's own calls come in, which have no key in their query: it stands in the path. */
    get rpcPath(): string {
        return this.key === null ? RPC_PATH : `${RPC_PATH}/${this.key}`;
    }

    clientBinding(origin: string): string {
        const base = `${origin}${MANAGEMENT_PATH}`;
        const query = `taskHub=${this.hub}&connection=Storage&code=${this.code}`;
        const create = (extra: string) => `${base}/orchestrators/{functionName}[/{instanceId}]?${extra}code=${this.code}`;
        return JSON.stringify({
            taskHubName: this.hub,
            connectionName: null,
            creationUrls: {
                createNewInstancePostUri: create(''),
                createAndWaitOnNewInstancePostUri: create('timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}&'),
            },
            managementUrls: { id: 'INSTANCEID', ...urls(base, 'INSTANCEID', query) },
            baseUrl: base,
            requiredQueryStringParameters: `code=${this.code}`,
            // The app's own calls: never to a name that a caller's Host header says.
            rpcBaseUrl: `http://127.0.0.1:${this.port}${this.rpcPath}/`,
            httpBaseUrl: null,
            maxGrpcMessageSizeInBytes: null,
            grpcHttpClientTimeout: null,
        });
    }

    async answer(request: ApiRequest): Promise<ApiAnswer> {
        let segments: string[];
        try {
            segments = request.path.split('/').filter(Boolean).map(decodeURIComponent);
        } catch {
            return refused('The path is not well encoded.');
        }
        const [kind, ...rest] = segments;
        if (kind === 'orchestrators' && request.method === 'POST' && rest[0]) return this.start(request, rest[0], rest[1]);
        if (kind === 'instances') return this.instances(request, rest);
        if (kind === 'entities') return this.entities(request, rest);
        return none(404);
    }

    private async start(request: ApiRequest, name: string, id: string = randomUUID().replaceAll('-', '')): Promise<ApiAnswer> {
        if (id.includes('/')) return none(404);
        if (id.length > 256 || id.startsWith('@') || /[/\\?#]/.test(id))
            return refused(`"${id}" is not an instance id: at most 256 characters, no leading @, none of / \\ ? #`);
        const input = request.body === '' ? null : request.body;
        if (input !== null && !isJson(input)) return refused('The request body is not JSON.');
        const version = request.query.get('version') ?? this.engine.options.defaultVersion;
        if (!(await this.engine.start(id, { type: 'start', name, input, version, parent: null, at: iso() })))
            return refused(`An Orchestration instance with the id ${id} is active already.`, 409);
        const base = `${request.origin}${MANAGEMENT_PATH}`;
        const links = urls(base, id, `taskHub=${this.hub}&connection=Storage&code=${this.code}`);
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
            if (!isJson(request.body)) return refused('The event needs a JSON body.');
            await this.engine.send(id, { type: 'event', name, input: request.body, at: iso() });
            return none(202);
        }
        if (action === 'terminate' || action === 'suspend' || action === 'resume') {
            if (!ended) await this.engine.control(id, action, request.query.get('reason') ?? '');
            return none(202);
        }
        return refused(`The local host does not support "${action}".`, 501);
    }

    private async status(o: Orchestration, query: URLSearchParams): Promise<ApiAnswer> {
        let shown = {};
        if (query.get('showHistory') === 'true') {
            const rows = rowsOfHistory(o.record, await this.engine.store.loadInstance(o.id));
            const recorded = rows.flatMap((row) => row.value as Recorded[]);
            shown = { historyEvents: shownHistory(o, recorded, query.get('showHistoryOutput') === 'true') };
        }
        const ended = o.record && isEnded(o.record.status);
        return { status: ended ? 200 : 202, body: { ...statusOf(o.id, o.record, query), ...shown } };
    }

    private async list(request: ApiRequest): Promise<ApiAnswer> {
        const { query } = request;
        const states = query.get('runtimeStatus')?.toLowerCase().split(',').filter(Boolean);
        const from = Date.parse(query.get('createdTimeFrom') ?? '') || 0;
        const to = Date.parse(query.get('createdTimeTo') ?? '') || Infinity;
        // A token is the first id of the next page.
        const begin = Buffer.from(request.continuation, 'base64').toString();
        const rows = (await this.engine.store.loadInstances())
            .flatMap(({ id, value }) => instanceOf(id, value as OrchestrationRecord | EntityRecord) ?? [])
            .filter(({ id, status }) => id >= begin && id.startsWith(query.get('instanceIdPrefix') ?? '') && isAmong(status, states))
            .filter(({ createdAt }) => Date.parse(createdAt) >= from && Date.parse(createdAt) <= to)
            .sort((a, b) => (a.id < b.id ? -1 : 1));
        const top = Number(query.get('top')) || rows.length;
        const next = rows[top];
        return {
            status: 200,
            ...(next ? { headers: { 'x-ms-continuation-token': Buffer.from(next.id).toString('base64') } } : {}),
            body: rows.slice(0, top).map((instance) => statusOf(instance.id, instance, query)),
        };
    }

    private async entityInstance(request: ApiRequest, id: string, action: string | undefined): Promise<ApiAnswer> {
        const instance = instanceOf(id, (await this.engine.findEntity(id)).record);
        if (!instance || action || request.method !== 'GET') return none(404);
        return { status: 202, body: statusOf(id, instance, request.query) };
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
        const prefix = name ? `@${name.toLowerCase()}@` : '@';
        const rows = (await this.engine.store.loadInstances()).map(({ id, value }) => ({ id, record: value as EntityRecord }));
        const body = rows.flatMap(({ id, record: { kind, exists, state, updatedAt } }) => {
            if (kind !== 'entity' || !exists || !id.startsWith(prefix)) return [];
            const [, entity, ...key] = id.split('@');
            const entityId = { name: entity, key: key.join('@') };
            return [{ entityId, lastOperationTime: updatedAt, state: state === null ? null : (JSON.parse(state) as unknown) }];
        });
        return { status: 200, body };
    }
}

const isAmong = (status: string, states: string[] | undefined) => !states || states.includes(status.toLowerCase());
const seconds = (t: string) => t.replace(/\.\d+Z$/, 'Z');

type Shown = Pick<OrchestrationRecord, 'name' | 'status' | 'input' | 'output' | 'customStatus' | 'createdAt' | 'updatedAt'>;

/** An instance as a list shows it: an entity is one that runs for ever, as long as it is there. */
function instanceOf(id: string, record: OrchestrationRecord | EntityRecord): (Shown & { id: string }) | null {
    if (record.kind === 'orchestration') return { id, ...record };
    if (!record.exists) return null;
    const input = JSON.stringify({ exists: true, ...(record.state === null ? {} : { state: record.state }), sorter: {} });
    const { updatedAt } = record;
    return { id, name: id, status: 'Running', input, output: null, customStatus: { entityExists: true }, createdAt: updatedAt, updatedAt };
}

/** Without a record, one whose start has not been read yet. */
function statusOf(instanceId: string, record: Shown | undefined, query: URLSearchParams): Record<string, unknown> {
    const input = query.get('showInput') === 'false' ? null : record?.input;
    return {
        name: record?.name ?? null,
        instanceId,
        runtimeStatus: record?.status ?? 'Pending',
        input: JSON.parse(input ?? 'null') as unknown,
        customStatus: record?.customStatus ?? null,
        output: record?.output ?? null,
        createdTime: seconds(record?.createdAt ?? iso()),
        lastUpdatedTime: seconds(record?.updatedAt ?? iso()),
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
