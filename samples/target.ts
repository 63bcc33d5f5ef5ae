// An HTTP service to aim jobs at: slow, limited, failing and gone exactly as much as asked for, and the same way every time.
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { readCommandLine, usage } from './target/commandLine';
import { Door } from './target/door';
import { Latency, type LatencySpec } from './target/latency';
import { Limits, type LimitSpec } from './target/limits';
import { readAway, readControl, readLatency, readLimits, readOptions, type Away, type TargetOptions } from './target/options';
import { distanceKm, placeOf } from './target/place';
import { itemKeyOf, Tally, type Call, type FullStats } from './target/tally';

export type { Away, Control, TargetOptions } from './target/options';
export type { FullStats, KeyCalls, OutageStats, RecordedCall, Second, TargetStats } from './target/tally';
export { distanceKm } from './target/place';

export interface Target {
    url: string;
    /** When it began, in ms since 1970. */
    began: number;
    stop(): Promise<void>;
    stats(): FullStats;
    /** The headers of the last call. */
    headers(): Record<string, string | string[] | undefined>;
    /** Is done when the target is away. Without `forMs` it stays away until `comeBack`. */
    goAway(away: Away): Promise<void>;
    /** Is done when calls are answered again. */
    comeBack(): Promise<void>;
    /** A limit of the same name and kind (or without names: in the same place) goes on from where it stands. */
    setLimits(limits: LimitSpec[]): void;
    /** Of calls that come from now on. */
    setLatency(latency: LatencySpec): void;
    /** Of the item with this key, whether it is one of `badShare`. */
    isBad(itemKey: string): boolean;
    /** How many calls a perfect client could have got accepted between these times (ms since 1970; default: from its beginning until now), outages left out. */
    capacity(from?: number, to?: number): number;
}

const MAX_BODY_BYTES = 1_048_576;

export async function startTarget(asked: TargetOptions = {}): Promise<Target> {
    const options = readOptions(asked);
    const { seed, rate429, rate500, badShare, badStatus } = options;
    const began = Date.now();
    const limits = new Limits(options.limits, began);
    let latency = new Latency(options.latency ?? options.latencyMs ?? 20);
    const tally = new Tally(began, options.record);
    let lastHeaders: Record<string, string | string[] | undefined> = {};
    const isBad = (itemKey: string): boolean => badShare > 0 && draw(seed, itemKey, 'bad') < badShare;

    const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
        const { pathname } = new URL(request.url ?? '/', 'http://target');
        // Asking for the numbers must not change them.
        if (request.method === 'GET' && pathname === '/stats') return send(response, 200, tally.summary());
        if (request.method === 'GET' && pathname === '/stats/seconds') return send(response, 200, tally.seconds(Date.now()));
        if (request.method === 'GET' && pathname === '/stats/calls') return send(response, 200, tally.recorded());
        if (request.method === 'POST' && pathname === '/control') return control(request, response);

        lastHeaders = request.headers;
        const key = header(request, 'idempotency-key');
        const attempt = header(request, 'fanfold-attempt') ?? '1';
        const call = tally.came(Date.now(), key, attempt);
        // A call that was throttled is made again under its attempt's number: it meets another fate then.
        const nth = String(call.ofKey?.calls ?? attempt);
        // 'close' comes after an answer and also when the caller hangs up: either way the call is over.
        response.once('close', () => tally.left(call));
        if (door.how === 'hang') return void request.resume();
        if (door.how === 'reset') return void request.socket.resetAndDestroy();
        if (door.how === '503' || door.how === '500') {
            request.resume();
            return reply(response, call, Number(door.how), { error: 'the service is away' });
        }

        const verdict = limits.take(Date.now());
        const { headers } = verdict;
        const body = await readBody(request);
        if (body === null)
            return reply(
                response,
                call,
                413,
                { error: `the body has more than ${MAX_BODY_BYTES} bytes` },
                { ...headers, connection: 'close' },
            );
        if (!verdict.admitted) return reply(response, call, verdict.status, { error: 'too many requests' }, headers, true);
        const jitter = () => draw(seed, key ?? pathname, `${attempt} latency`);
        await pass(latency.of(Date.now(), tally.inFlight, jitter), response);
        if (response.destroyed) return;
        if (isBad(key === undefined ? pathname : itemKeyOf(key))) {
            if (badStatus === 'hang') return;
            if (badStatus === 'reset') return void request.socket.resetAndDestroy();
            return reply(response, call, badStatus, { error: 'this item was chosen to fail' }, headers);
        }
        const chance = draw(seed, key ?? pathname, nth);
        if (chance < rate429) {
            const wait = { 'retry-after': String(options.retryAfterSeconds) };
            return reply(response, call, 429, { error: 'too many requests' }, { ...headers, ...wait }, true);
        }
        if (chance < rate429 + rate500) return reply(response, call, 500, { error: 'this call was chosen to fail' }, headers);
        const place = placeOf(body);
        reply(response, call, 200, place ? { distanceKm: distanceKm(place.lat, place.lon) } : { ok: true }, headers);
    };

    const reply = (
        response: ServerResponse,
        call: Call,
        status: number,
        body: unknown,
        headers: Record<string, string> = {},
        isThrottled = false,
    ): void => {
        // What was being worked on when everything began to hang is not answered either: its connection ends with the outage.
        if (response.destroyed || door.how === 'hang') return;
        tally.answered(call, status, isThrottled);
        send(response, status, body, headers);
    };

    const control = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
        let change: ReturnType<typeof readControl>;
        try {
            change = readControl(JSON.parse((await readBody(request)) ?? ''));
        } catch (error) {
            return send(response, 400, { error: (error as Error).message });
        }
        if (change.limits) limits.set(change.limits, Date.now());
        if (change.latency !== undefined) latency = new Latency(change.latency);
        const { away } = change;
        // Answered before the connection may be cut, and over one that nobody will use again.
        response.once('finish', () => {
            if (away !== undefined) (away ? door.goAway(away.how, away.forMs) : door.comeBack()).catch(report);
        });
        send(response, 200, change, { connection: 'close' });
    };

    const server = createServer((request, response) => {
        answer(request, response).catch((error: unknown) => {
            // A caller that hangs up in the middle of its body is its own affair; anything else is a fault in here.
            if (request.destroyed) return;
            report(error);
            response.destroy();
        });
    });
    // Callers keep connections for longer than node's 5 s; closing under them would look like a failure that nobody asked for.
    server.keepAliveTimeout = 60_000;
    server.on('connection', () => tally.connected());
    const door = new Door(server, {
        wentAway: (how) => tally.wentAway(Date.now(), how),
        cameBack: () => tally.cameBack(Date.now()),
    });
    await door.open(options.port);
    door.plan(options.outages);

    return {
        url: `http://127.0.0.1:${door.port}`,
        began,
        headers: () => lastHeaders,
        stats: () => tally.full(Date.now()),
        stop: () => door.stop(),
        goAway: async (asked) => {
            const { how, forMs } = readAway(asked);
            await door.goAway(how, forMs);
        },
        comeBack: () => door.comeBack(),
        setLimits: (asked) => limits.set(readLimits(asked), Date.now()),
        setLatency: (asked) => (latency = new Latency(readLatency(asked))),
        isBad,
        capacity: (from = began, to = Date.now()) => limits.capacity(from, to, tally.closed()),
    };
}

/** A number in [0, 1) from what identifies the call, such as which one of its key it is: the same call meets the same fate, whatever else runs beside it. */
export function draw(seed: number, key: string, nth: string): number {
    return (
        createHash('sha256')
            .update(JSON.stringify([seed, key, nth]))
            .digest()
            .readUInt32BE(0) /
        2 ** 32
    );
}

/** So many ms, or less when there is nobody left to answer: a long wait would keep the process alive. */
const pass = (ms: number, response: ServerResponse): Promise<void> =>
    new Promise((resolve) => {
        const timer = setTimeout(resolve, ms);
        response.once('close', () => {
            clearTimeout(timer);
            resolve();
        });
    });

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

const report = (error: unknown): void => console.error('target:', error);

async function main(): Promise<void> {
    const options = readCommandLine(process.argv.slice(2));
    if (options === 'help') return console.log(usage);
    const target = await startTarget(options);
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
