// The routes of the API against a store and an engine that the test brings, without a Functions host.
import { handle } from '../../src/api/http/frame';
import { routes } from '../../src/api/routes';
import { ledgerDocument } from '../../src/contracts/ledger';
import type { LedgerState } from '../../src/core/ledger';

export interface Sent {
    headers?: Record<string, string>;
    body?: Buffer | AsyncIterable<Uint8Array>;
}

export interface Answer {
    status: number;
    headers: Headers;
    text: string;
    /** The body, where it is JSON; tests say what they expect of it. */
    // eslint-disable-next-line @typescript-eslint/no-explicit-any
    json: any;
}

export const quiet = { invocationId: 'i', error: () => undefined, warn: () => undefined, log: () => undefined };

/** As hosts decode a segment of the path: one that cannot be is left as it is. */
function decoded(segment: string): string {
    try {
        return decodeURIComponent(segment);
    } catch {
        return segment;
    }
}

/** Finds the route as a host does: literal before parameter before catch-all. */
export async function callRoute(
    client: unknown,
    method: string,
    path: string,
    { headers = {}, body }: Sent = {},
    invocation: unknown = quiet,
): Promise<Answer> {
    const url = new URL(path, 'http://host/api/');
    const segments = url.pathname.replace('/api/', '').split('/');
    const found = routes.flatMap((r) => {
        const pattern = r.route.split('/');
        if (!(r.methods as string[]).includes(method)) return [];
        if (r.route === '{*path}') return [{ r, params: { path: segments.join('/') } }];
        if (pattern.length !== segments.length || !pattern.every((p, i) => p.startsWith('{') || p === segments[i])) return [];
        return [
            {
                r,
                params: Object.fromEntries(pattern.flatMap((p, i) => (p.startsWith('{') ? [[p.slice(1, -1), decoded(segments[i]!)]] : []))),
            },
        ];
    })[0]!;
    const chunks = Buffer.isBuffer(body) ? [body] : body;
    const request = {
        method,
        url: url.href,
        headers: new Headers({ ...(body ? { 'content-type': 'application/json' } : {}), ...headers }),
        query: url.searchParams,
        params: found.params,
        body: chunks ? ReadableStream.from(chunks as AsyncIterable<Uint8Array>) : null,
    };
    const answer = await handle(found.r.handler)(request as never, client as never, invocation as never);
    const text = await new Response(answer.body as ReadableStream).text();
    const type = (answer.headers as Record<string, string>)['content-type'] ?? '';
    const json = type.includes('json') && !type.includes('ndjson') && text ? (JSON.parse(text) as unknown) : undefined;
    return { status: answer.status ?? 200, headers: new Headers(answer.headers), text, json };
}

/** An engine in memory that answers the durable client's calls as the SDK does, refusals and their words included. */
export class EngineDouble {
    readonly instances = new Map<string, string>();
    readonly starts: string[] = [];
    readonly told: unknown[] = [];
    /** Set: what every start throws. */
    refuses: Error | null = null;

    getStatus = async (id: string) => {
        const runtimeStatus = this.instances.get(id);
        if (!runtimeStatus)
            throw new Error(
                'DurableClient error: Durable Functions extension replied with HTTP 404 response. ' +
                    `This usually means we could not find any data associated with the instanceId provided: ${id}.`,
            );
        return { runtimeStatus };
    };
    startNew = async (_name: string, { instanceId }: { instanceId: string }) => {
        if (this.refuses) throw this.refuses;
        if (['Pending', 'Running'].includes(this.instances.get(instanceId) ?? ''))
            throw new Error(
                `The operation failed with an unexpected status code: 409. Details: {"Message":"An Orchestration instance with the id ${instanceId} is active already."}`,
            );
        this.instances.set(instanceId, 'Running');
        this.starts.push(instanceId);
        return instanceId;
    };
    /** What every ledger is; null: there is none. */
    ledger: LedgerState | null = null;
    readEntityState = async () => ({ entityExists: this.ledger !== null, entityState: this.ledger && ledgerDocument.write(this.ledger) });
    signalEntity = async (_id: unknown, _name: string, operation: unknown) => void this.told.push(operation);
    raiseEvent = async () => undefined;
}
