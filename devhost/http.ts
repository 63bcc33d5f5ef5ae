// HTTP in front of the app: routes as the Functions host matches them, bodies whole or as streams, the host's own pages.
import { randomBytes, randomUUID } from 'node:crypto';
import http from 'node:http';
import type { App, RegisteredFunction } from './core';
import { isNamed, listenOn, mayManage } from './doors';
import { MANAGEMENT_PATH, type DurableApi } from './durable/api';

const MAX_BODY = 100 * 1024 * 1024;
const MAX_URL = 8 * 1024;
/** Kestrel's limit, which the real host leaves as it is (https://learn.microsoft.com/dotnet/api/microsoft.aspnetcore.server.kestrel.core.kestrelserverlimits). */
const MAX_HEADERS = 100;

/** A connection for each request, which stays until the request is sent: closed behind an answer that came early, it would take that with it. */
class OneRequestEach extends http.Agent {
    override keepSocketAlive = () => false;
}
const toApp = new OneRequestEach({ keepAlive: true });

interface Route {
    fn: RegisteredFunction;
    methods: Set<string> | null;
    pattern: RegExp;
    params: string[];
    authLevel: string;
    display: string;
}

interface Found {
    route: Route;
    params: Record<string, string>;
}

export interface HttpOptions {
    routePrefix: string;
    auth: boolean;
    /** Names that a Host header may have, beside localhost and addresses. */
    names: readonly string[];
    /** Whether the app is loaded and the engine runs. */
    state: () => 'Running' | 'Initialized';
}

export class HttpFront {
    readonly key = randomBytes(24).toString('base64url');
    private readonly routes: Route[];
    private servers: http.Server[] = [];

    constructor(
        private readonly app: App,
        private readonly durable: DurableApi,
        private readonly options: HttpOptions,
    ) {
        // The real host tries routes in the order of the functions' names, so a catch-all shadows what sorts behind it. So does this one.
        this.routes = app
            .byTrigger('httpTrigger')
            .sort((a, b) => (a.metadata.name.toLowerCase() < b.metadata.name.toLowerCase() ? -1 : 1))
            .map((fn) => routeOf(fn, options.routePrefix));
    }

    async listen(port: number, addresses: (string | undefined)[]): Promise<void> {
        const handler: http.RequestListener = (req, res) => {
            this.handle(req, res).catch((error: unknown) => {
                console.error(`${req.method} ${req.url}: ${(error as Error).stack ?? String(error)}`);
                if (!res.headersSent) res.writeHead(500);
                res.end();
            });
        };
        this.servers = await listenOn(handler, port, addresses);
    }

    close(): void {
        for (const server of this.servers) {
            server.close();
            server.closeAllConnections();
        }
    }

    describe(origin: string): string[] {
        return this.routes.map((r) => `${r.fn.metadata.name}: [${r.methods ? [...r.methods].join(',') : 'ANY'}] ${origin}/${r.display}`);
    }

    private async handle(req: http.IncomingMessage, res: http.ServerResponse): Promise<void> {
        const raw = req.url ?? '/';
        // Each request of a connection listens for its end.
        req.socket.setMaxListeners(0);
        if (raw.length > MAX_URL) return end(res, 414);
        if (req.rawHeaders.length / 2 > MAX_HEADERS) return end(res, 431);
        if (!isNamed(req.headers.host, this.options.names))
            return end(res, 403, 'This is no name of the local host. Use localhost or an address, or start it with --allow-host NAME.\n');
        // A path only: with the form of a whole URL, or two slashes, it would name another host than the header.
        if (!raw.startsWith('/')) return end(res, 400);
        const url = new URL(`http://${req.headers.host ?? 'localhost'}${raw}`);
        if (url.pathname === '/') return end(res, 200, 'Your Functions host is up and running.', { 'content-type': 'text/html' });
        if (url.pathname === '/admin/host/status') {
            const uptime = { version: '4.1042.100', processUptime: Math.round(process.uptime() * 1000) };
            const body = JSON.stringify({ id: 'local-host', state: this.options.state(), ...uptime });
            return end(res, 200, body, { 'content-type': 'application/json' });
        }
        for (const base of [MANAGEMENT_PATH, this.durable.rpcPath]) {
            if (!url.pathname.startsWith(`${base}/`)) continue;
            if (!mayManage(req)) return end(res, 403, 'This answers this machine only, and no page of another origin.\n');
            const key = { query: url.searchParams, header: req.headers['x-functions-key'] };
            if (base === MANAGEMENT_PATH && !this.durable.admits(key)) return end(res, 401);
            return this.management(req, res, url, url.pathname.slice(base.length + 1));
        }
        const found = this.match(req.method ?? 'GET', url.pathname);
        if (!found) return end(res, 404);
        if (
            this.options.auth &&
            found.route.authLevel !== 'anonymous' &&
            req.headers['x-functions-key'] !== this.key &&
            url.searchParams.get('code') !== this.key
        )
            return end(res, 401);
        if (Number(req.headers['content-length'] ?? 0) > MAX_BODY) {
            req.resume();
            return end(res, 500);
        }
        return this.app.httpUri ? this.stream(req, res, url, found) : this.whole(req, res, url, found);
    }

    private match(method: string, path: string): Found | null {
        for (const route of this.routes) {
            if (route.methods && !route.methods.has(method)) continue;
            const m = route.pattern.exec(path);
            if (!m) continue;
            const given = route.params.flatMap((p, i) => (m[i + 1] ? [[p, decoded(m[i + 1]!)] as const] : []));
            return { route, params: Object.fromEntries(given) };
        }
        return null;
    }

    private async management(req: http.IncomingMessage, res: http.ServerResponse, url: URL, path: string): Promise<void> {
        const body = (await bodyOf(req)).toString('utf8');
        const continuation = String(req.headers['x-ms-continuation-token'] ?? '');
        const request = { method: req.method ?? 'GET', path, query: url.searchParams, body, origin: url.origin, continuation };
        const { status, headers, body: answer } = await this.durable.answer(request);
        if (answer === undefined) return end(res, status, undefined, headers);
        end(res, status, JSON.stringify(answer), { 'content-type': 'application/json; charset=utf-8', ...headers });
    }

    /** The app has a server of its own for bodies: it gets the request as it comes, and the invocation beside it, joined by the invocation's id. */
    private async stream(req: http.IncomingMessage, res: http.ServerResponse, url: URL, found: Found): Promise<void> {
        const invocationId = randomUUID();
        const headers = {
            ...req.headers,
            connection: 'keep-alive',
            'x-ms-invocation-id': invocationId,
            'x-forwarded-host': req.headers.host ?? '',
            'x-forwarded-proto': 'http',
        };
        // The SDK says localhost; it listens on this address alone.
        const { port } = new URL(this.app.httpUri!);
        const proxied = http.request({ host: '127.0.0.1', port, method: req.method, path: req.url, headers, agent: toApp });
        const answered = new Promise<void>((resolve, reject) => {
            proxied.on('response', (answer) => {
                const rest = { ...answer.headers };
                // These speak of the connection to the app, not of the one to the caller.
                for (const name of ['connection', 'keep-alive', 'transfer-encoding']) delete rest[name];
                res.writeHead(answer.statusCode ?? 500, { ...rest, 'x-ms-invocation-id': invocationId });
                answer.pipe(res);
                answer.on('error', reject);
            });
            proxied.on('error', reject);
            res.on('finish', resolve);
            // A caller who has gone takes the request to the app along; one who has its answer may still be sending, to nobody.
            const left = (): void => {
                req.socket.off('close', left);
                req.unpipe(proxied);
                req.resume();
                proxied.destroy();
                resolve();
            };
            res.on('close', left);
            // An answer whose turn on the connection has not come is told of nothing: its request was sent behind others.
            req.socket.on('close', left);
        });
        let bytes = 0;
        req.on('data', (chunk: Buffer) => {
            bytes += chunk.length;
            if (bytes > MAX_BODY) proxied.destroy(new Error('the request body is over 100 MB'));
        });
        req.pipe(proxied);
        const fail = (error: Error) => {
            if (!res.writableEnded) console.error(`${found.route.fn.metadata.name} failed: ${error.message}`);
            req.unpipe(proxied);
            // Read to its end, so that the caller comes to read the answer.
            req.resume();
            if (!res.headersSent) end(res, 500, undefined, { 'x-ms-invocation-id': invocationId });
            else if (!res.writableEnded) res.destroy();
        };
        // The app waits for the request for ever: it is invoked for one that is on its way, and not for that of a caller who has gone before.
        const invoke = (): void => {
            this.invoke(found, url, req, undefined, invocationId).catch((error: Error) => {
                fail(error);
                proxied.destroy();
            });
        };
        proxied.flushHeaders();
        proxied.once('socket', (socket) => (socket.connecting ? socket.once('connect', invoke) : invoke()));
        await answered.catch(fail);
    }

    private async whole(req: http.IncomingMessage, res: http.ServerResponse, url: URL, found: Found): Promise<void> {
        const invocationId = randomUUID();
        const body = await bodyOf(req);
        if (body.length > MAX_BODY) return end(res, 500);
        const returned = await this.invoke(found, url, req, body, invocationId).catch((error: unknown) => {
            console.error(`${found.route.fn.metadata.name} failed: ${(error as Error).message}`);
            return null;
        });
        if (returned === null) return end(res, 500, undefined, { 'x-ms-invocation-id': invocationId });
        const answer = returned?.http as
            { statusCode?: string; headers?: Record<string, string>; body?: { bytes?: Uint8Array; string?: string } } | undefined;
        if (!answer) return end(res, 204);
        const text = answer.body?.bytes ?? answer.body?.string;
        end(res, Number(answer.statusCode ?? 200), text === undefined ? undefined : Buffer.from(text as Uint8Array), {
            ...answer.headers,
            'x-ms-invocation-id': invocationId,
        });
    }

    private invoke({ route, params }: Found, url: URL, req: http.IncomingMessage, body: Buffer | undefined, invocationId: string) {
        const { fn } = route;
        const headers = Object.fromEntries(
            Object.entries(req.headers).flatMap(([k, v]) => (v ? [[k, Array.isArray(v) ? v.join(', ') : v] as const] : [])),
        );
        const query = Object.fromEntries([...url.searchParams.keys()].map((k) => [k, url.searchParams.getAll(k).join(',')]));
        const lastOfQuery = Object.fromEntries(url.searchParams);
        const data = {
            ...{ identities: [identity(route.authLevel)], cookies: [], headers: {}, params: {}, query: {} },
            ...{ nullableHeaders: nullable(headers), nullableParams: nullable(params), nullableQuery: nullable(query) },
            ...{ method: req.method, url: url.href, statusCode: '', enableContentNegotiation: false, rawBody: null },
            ...(body && body.length > 0 ? { body: { bytes: body, data: 'bytes' } } : {}),
        };
        const inputs: { name: string; data: Record<string, unknown> }[] = [{ name: fn.trigger.name, data: { http: data } }];
        for (const [name, binding] of Object.entries(fn.metadata.bindings))
            if (binding.type.toLowerCase() === 'durableclient')
                inputs.push({ name, data: { string: this.durable.clientBinding(url.origin) } });
        const metadata = {
            ...Object.fromEntries(Object.entries({ ...lastOfQuery, ...params }).map(([k, v]) => [k, { string: v }])),
            Query: { json: JSON.stringify(lastOfQuery) },
            // With streamed bodies the SDK takes the request's headers from here.
            Headers: { json: JSON.stringify(Object.fromEntries(Object.entries(headers).map(([k, v]) => [inCapitals(k), v]))) },
        };
        return this.app.invoke(fn, inputs, metadata, invocationId);
    }
}

/** A segment as the host hands it on: one that is not well encoded as it came. */
function decoded(segment: string): string {
    try {
        return decodeURIComponent(segment);
    } catch {
        return segment;
    }
}

const nullable = (o: Record<string, string>) => Object.fromEntries(Object.entries(o).map(([k, value]) => [k, { value, string: 'value' }]));

/** Who calls: without checks of keys, whoever calls a function that asks for one is its administrator. */
function identity(authLevel: string): object {
    const keyed = authLevel !== 'anonymous';
    const schema = 'http://schemas.microsoft.com';
    const value = (text: string) => ({ value: text, string: 'value' });
    return {
        claims: keyed ? [{ value: 'Admin', type: `${schema}/2017/07/functions/claims/authlevel` }] : [],
        authenticationType: keyed ? value('WebJobsAuthLevel') : null,
        nameClaimType: value('http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name'),
        roleClaimType: value(`${schema}/ws/2008/06/identity/claims/role`),
    };
}

/** Headers that the real host knows it writes with capitals, the others as they are. */
const KNOWN_HEADERS = new Set(
    (
        'accept accept-charset accept-encoding accept-language authorization cache-control connection content-encoding content-length ' +
        'content-type cookie date expect host if-match if-modified-since if-none-match if-range if-unmodified-since keep-alive origin ' +
        'pragma range referer transfer-encoding upgrade user-agent via'
    ).split(' '),
);
const inCapitals = (name: string): string => (KNOWN_HEADERS.has(name) ? name.replaceAll(/\b[a-z]/g, (c) => c.toUpperCase()) : name);

function routeOf(fn: RegisteredFunction, prefix: string): Route {
    const { binding } = fn.trigger;
    const route = ((binding.route as string | undefined) ?? fn.metadata.name).replace(/^\//, '');
    const path = [prefix, route].filter(Boolean).join('/');
    const params: string[] = [];
    const source = path
        .split('/')
        .map((segment) => {
            const m = /^\{(\*{0,2})([^:}?=]+)(?::([^}?]+))?(\?)?\}$/.exec(segment);
            if (!m) return `/${segment.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)}`;
            params.push(m[2]!);
            const form = m[3] === 'int' || m[3] === 'long' ? String.raw`-?\d+` : '[^/]+';
            return m[1] ? '(?:/(.*))?' : m[4] ? `(?:/(${form}))?` : `/(${form})`;
        })
        .join('');
    const methods = binding.methods as string[] | undefined;
    return {
        fn,
        methods: methods?.length ? new Set(methods.map((m) => m.toUpperCase())) : null,
        pattern: new RegExp(`^${source}/?$`, 'i'),
        params,
        authLevel: ((binding.authLevel as string | undefined) ?? 'function').toLowerCase(),
        display: path,
    };
}

async function bodyOf(req: http.IncomingMessage): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    // What is over the limit is read, so that the caller comes to read the answer, but not kept.
    for await (const chunk of req) if ((bytes += (chunk as Buffer).length) <= MAX_BODY + 1) chunks.push(chunk as Buffer);
    if (bytes > MAX_BODY) return Buffer.alloc(MAX_BODY + 1);
    return Buffer.concat(chunks);
}

function end(res: http.ServerResponse, status: number, body?: string | Buffer, headers: Record<string, string> = {}): void {
    res.writeHead(status, { ...headers, 'content-length': String(body === undefined ? 0 : Buffer.byteLength(body)) });
    res.end(body);
}
