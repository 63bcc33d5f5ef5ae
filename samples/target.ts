// An HTTP service to aim jobs at: slow, throttled and failing exactly as much as asked for, and the same way every time.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

export interface TargetOptions {
    /** 0 takes any free port. */
    port?: number;
    latencyMs?: number;
    /** Share of the calls, 0 to 1, that are answered 429 with Retry-After. */
    rate429?: number;
    /** Share of the calls, 0 to 1, that are answered 500. */
    rate500?: number;
    retryAfterSeconds?: number;
    seed?: number;
}

export interface TargetStats {
    requests: number;
    inFlight: number;
    maxInFlight: number;
    /** Answers sent, by status. */
    statuses: Record<string, number>;
    /** Distinct idempotency keys, the most calls that one of them had, and how many had more than one 200. */
    keys: number;
    maxCallsPerKey: number;
    keysSucceededTwice: number;
}

export interface KeyCalls {
    calls: number;
    succeeded: number;
}

export interface Target {
    url: string;
    stop(): Promise<void>;
    stats(): TargetStats & { perKey: Record<string, KeyCalls> };
    /** The headers of the last call. */
    headers(): Record<string, string | string[] | undefined>;
}

const EARTH_RADIUS_KM = 6371.0088;
const MAX_BODY_BYTES = 1_048_576;

export async function startTarget(options: TargetOptions = {}): Promise<Target> {
    const { port = 0, latencyMs = 20, rate429 = 0, rate500 = 0, retryAfterSeconds = 1, seed = 1 } = options;
    const perKey = new Map<string, KeyCalls>();
    const statuses: Record<string, number> = {};
    let requests = 0;
    let lastHeaders: Record<string, string | string[] | undefined> = {};
    let inFlight = 0;
    let maxInFlight = 0;

    const summary = (): TargetStats => {
        const all = [...perKey.values()];
        return {
            requests,
            inFlight,
            maxInFlight,
            statuses: { ...statuses },
            keys: all.length,
            maxCallsPerKey: all.reduce((most, k) => Math.max(most, k.calls), 0),
            keysSucceededTwice: all.filter((k) => k.succeeded > 1).length,
        };
    };

    const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
        const { pathname } = new URL(request.url ?? '/', 'http://target');
        // Asking for the numbers must not change them.
        if (request.method === 'GET' && pathname === '/stats') return send(response, 200, summary());

        requests++;
        lastHeaders = request.headers;
        maxInFlight = Math.max(maxInFlight, ++inFlight);
        // 'close' comes after an answer and also when the caller hangs up: either way the call is over.
        response.once('close', () => inFlight--);
        const key = header(request, 'idempotency-key');
        const calls = key === undefined ? undefined : (perKey.get(key) ?? { calls: 0, succeeded: 0 });
        if (key !== undefined && calls) {
            calls.calls++;
            perKey.set(key, calls);
        }
        const reply = (status: number, body: unknown, headers: Record<string, string> = {}) => {
            if (response.destroyed) return;
            statuses[status] = (statuses[status] ?? 0) + 1;
            if (status === 200 && calls) calls.succeeded++;
            send(response, status, body, headers);
        };

        const body = await readBody(request);
        if (body === null) return reply(413, { error: `the body has more than ${MAX_BODY_BYTES} bytes` }, { connection: 'close' });
        await sleep(latencyMs);
        const chance = draw(seed, key ?? pathname, header(request, 'fanfold-attempt') ?? '1');
        if (chance < rate429) return reply(429, { error: 'too many requests' }, { 'retry-after': String(retryAfterSeconds) });
        if (chance < rate429 + rate500) return reply(500, { error: 'this call was chosen to fail' });
        const place = placeOf(body);
        reply(200, place ? { distanceKm: distanceKm(place.lat, place.lon) } : { ok: true });
    };

    const server = createServer((request, response) => {
        answer(request, response).catch((error: unknown) => {
            // A caller that hangs up in the middle of its body is its own affair; anything else is a fault in here.
            if (request.destroyed) return;
            console.error('target:', error);
            response.destroy();
        });
    });
    // Callers keep connections for longer than node's 5 s; closing under them would look like a failure that nobody asked for.
    server.keepAliveTimeout = 60_000;
    await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, '127.0.0.1', resolve);
    });

    return {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        headers: () => lastHeaders,
        stats: () => ({ ...summary(), perKey: Object.fromEntries(perKey) }),
        stop: () =>
            new Promise((resolve, reject) => {
                server.close((error) => (error ? reject(error) : resolve()));
                server.closeAllConnections();
            }),
    };
}

/** A number in [0, 1) from what identifies the call: the same call meets the same fate, whatever else runs beside it. */
export function draw(seed: number, key: string, attempt: string): number {
    return (
        createHash('sha256')
            .update(JSON.stringify([seed, key, attempt]))
            .digest()
            .readUInt32BE(0) /
        2 ** 32
    );
}

/** Great-circle distance to 0°, 0° (haversine), in km to three places. */
export function distanceKm(lat: number, lon: number): number {
    const rad = Math.PI / 180;
    const a = Math.sin((lat * rad) / 2) ** 2 + Math.cos(lat * rad) * Math.sin((lon * rad) / 2) ** 2;
    return Math.round(2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(a))) * 1000) / 1000;
}

/** The place in a body, if it has one. Rows of a CSV file come with their numbers as text. */
function placeOf(body: string): { lat: number; lon: number } | null {
    let value: unknown;
    try {
        value = JSON.parse(body);
    } catch {
        return null; // not JSON, so not a place: every body is welcome
    }
    if (typeof value !== 'object' || value === null) return null;
    const { lat, lon } = value as Record<string, unknown>;
    const place = { lat: coordinate(lat), lon: coordinate(lon) };
    return Number.isFinite(place.lat) && Number.isFinite(place.lon) ? place : null;
}

// Number('') is 0, which is a place; an empty cell is none.
const coordinate = (v: unknown): number => (typeof v === 'number' ? v : typeof v === 'string' && v.trim() !== '' ? Number(v) : NaN);

async function readBody(request: IncomingMessage): Promise<string | null> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    // The rest of an oversized body is read and dropped: leaving early would cut the connection before the 413 is out.
    for await (const chunk of request as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        if (bytes <= MAX_BODY_BYTES) chunks.push(chunk);
    }
    return bytes > MAX_BODY_BYTES ? null : Buffer.concat(chunks).toString('utf8');
}

function header(request: IncomingMessage, name: string): string | undefined {
    const value = request.headers[name];
    return Array.isArray(value) ? value[0] : value;
}

function send(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
    const text = JSON.stringify(body);
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers });
    response.end(text);
}

const usage = `Usage: node dist/samples/target.js [--port N] [--latency MS] [--rate429 0..1] [--rate500 0..1] [--retry-after S] [--seed N]
GET /stats shows what has been called; every other path answers {"distanceKm": …} for a body with lat and lon, else {"ok": true}.`;

async function main(): Promise<void> {
    const text = { type: 'string' } as const;
    const { values } = parseArgs({
        options: {
            port: text,
            latency: text,
            rate429: text,
            rate500: text,
            'retry-after': text,
            seed: text,
            help: { type: 'boolean', short: 'h' },
        },
    });
    if (values.help) return console.log(usage);
    const number = (name: Exclude<keyof typeof values, 'help'>, fallback: number): number => {
        const value = Number(values[name] ?? fallback);
        if (!Number.isFinite(value) || value < 0) throw new Error(`--${name}: "${values[name]}" is not a number from 0 up`);
        return value;
    };
    const target = await startTarget({
        port: number('port', 7080),
        latencyMs: number('latency', 20),
        rate429: number('rate429', 0),
        rate500: number('rate500', 0),
        retryAfterSeconds: number('retry-after', 1),
        seed: number('seed', 1),
    });
    console.log(`Target on ${target.url} — ${target.url}/stats shows what has been called, Ctrl-C stops.`);
    const stop = () =>
        void target.stop().then(
            () => process.exit(0),
            () => process.exit(1),
        );
    process.once('SIGINT', stop).once('SIGTERM', stop);
}

if (require.main === module) {
    main().catch((error: unknown) => {
        console.error((error as Error).message);
        process.exitCode = 1;
    });
}
