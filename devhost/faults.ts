// Faults on demand: a plan says what goes wrong, where and how often; the same seed makes the same dice. README.md, "Faults".
import http from 'node:http';
import { existsSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { nthThrow } from './dice';

export interface FaultRule {
    at: 'activity' | 'reply' | 'timer' | 'storage' | 'point';
    /** Name of the activity, entity or point, or method and path of the storage request: the rule holds where it contains this text. */
    match?: string;
    /** One in how many: the chance is `rate`, 0 to 1; or exactly the n-th time. */
    rate?: number;
    nth?: number;
    do: 'zombie' | 'twice' | 'delay' | 'early' | 'fail' | 'lose' | 'cut' | 'never' | 'hold' | 'pause' | 'crash';
    /** For delay, early, hold and pause. */
    ms?: number;
    /** For fail: 400 to 599. Without it, and for lose, the connection is reset. */
    status?: number;
    /** For crash: in how many lives of the host process at most, the first included (default: 1). */
    lives?: number;
}

export interface FaultPlan {
    seed?: number;
    rules: FaultRule[];
}

/**
 * What can go wrong where. `fail` is before the request is done, `lose` drops the answer, `cut` ends it in the middle, `never` neither does nor answers
 * it, `hold` keeps this one, `pause` all. `crash` ends the host process with SIGKILL where the app says that it has reached the point.
 */
const kinds: Record<FaultRule['at'], FaultRule['do'][]> = {
    activity: ['zombie', 'twice', 'delay'],
    reply: ['twice', 'delay'],
    timer: ['early'],
    storage: ['fail', 'lose', 'cut', 'never', 'hold', 'pause'],
    point: ['crash'],
};

/** A plan from a file, or from its JSON text itself. */
export function readPlan(given: string | undefined): FaultPlan | null {
    if (!given) return null;
    let plan: FaultPlan;
    try {
        plan = JSON.parse(existsSync(given) ? readFileSync(given, 'utf8') : given) as FaultPlan;
    } catch (error) {
        throw new Error(`the fault plan is neither a JSON file nor JSON: ${(error as Error).message}`, { cause: error });
    }
    if (!Array.isArray(plan.rules)) throw new Error('the fault plan has no list "rules"');
    for (const [i, rule] of plan.rules.entries())
        if (!kinds[rule.at]?.includes(rule.do))
            throw new Error(`rule ${i} of the fault plan cannot do "${rule.do}" at "${rule.at}"; it may be: ${JSON.stringify(kinds)}`);
        else if (rule.status !== undefined && !(rule.status >= 400 && rule.status < 600))
            throw new Error(`rule ${i} of the fault plan cannot fail with ${rule.status}; it may be 400 to 599`);
    return plan;
}

export class Faults {
    private readonly counts: number[] = [];

    constructor(
        private readonly plan: FaultPlan,
        /** Which life of the host process this is, from 1: a crash that struck in each of them would let nothing come to its end. */
        private readonly life = 1,
    ) {}

    /** The fault that strikes here and now, if one does. */
    strike(at: FaultRule['at'], name: string): FaultRule | null {
        for (const [i, rule] of this.plan.rules.entries()) {
            if (rule.do === 'crash' && this.life > (rule.lives ?? 1)) continue;
            if (rule.at !== at || (rule.match !== undefined && !name.includes(rule.match))) continue;
            const count = (this.counts[i] = (this.counts[i] ?? 0) + 1);
            // Dice of its own for each rule: whether its n-th occasion is struck does not hang on what else happens between.
            const struck =
                rule.nth === undefined ? nthThrow((this.plan.seed ?? 1) + i * 7919, count) < (rule.rate ?? 1) : count === rule.nth;
            if (struck) return rule;
        }
        return null;
    }
}

/** By this key of the global object an app finds whom to tell of the points of its work that it reaches. */
const POINTS = Symbol.for('crashPoint');

/** Has the app's points struck by the plan. To be called before the app is loaded. */
export function strikePoints(faults: Faults): void {
    const tell = (point: string): void => {
        if (faults.strike('point', point)) process.kill(process.pid, 'SIGKILL');
    };
    Object.assign(globalThis, { [POINTS]: tell });
}

/** A port that passes on to a storage service on `port`, but for what the plan strikes. */
export async function faultyStorage(port: number, faults: Faults): Promise<number> {
    let pausedUntil = 0;
    const server = http.createServer((req, res) => {
        const rule = faults.strike('storage', `${req.method} ${req.url}`);
        if (rule?.do === 'pause') pausedUntil = Date.now() + (rule.ms ?? 60_000);
        if (rule?.do === 'fail') {
            // The request is read to its end, or the client takes the answer for a broken connection.
            if (rule.status === undefined) return void req.socket.destroy();
            return void req.resume().on('end', () => res.writeHead(rule.status!, { 'x-ms-error-code': 'FaultInjected' }).end());
        }
        if (rule?.do === 'never') return void req.resume();
        const forward = () => {
            const onward = http.request({ host: '127.0.0.1', port, method: req.method, path: req.url, headers: req.headers }, (answer) => {
                if (rule?.do === 'lose') return void answer.resume().on('end', () => req.socket.destroy());
                if (rule?.do === 'cut') return cut(answer, req, res);
                res.writeHead(answer.statusCode!, answer.headers);
                answer.pipe(res);
            });
            onward.on('error', () => req.socket.destroy());
            req.pipe(onward);
        };
        const hold = rule?.do === 'hold' ? (rule.ms ?? 30_000) : 0;
        setTimeout(forward, Math.max(hold, pausedUntil - Date.now()));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    server.unref();
    return (server.address() as AddressInfo).port;
}

/** Half of the answer, of its head where it has no body; then the connection ends. */
function cut(answer: http.IncomingMessage, req: http.IncomingMessage, res: http.ServerResponse): void {
    const chunks: Buffer[] = [];
    answer.on('data', (chunk: Buffer) => chunks.push(chunk));
    answer.on('end', () => {
        const body = Buffer.concat(chunks);
        const end = () => req.socket.destroy();
        if (body.length === 0) return void req.socket.write(`HTTP/1.1 ${answer.statusCode} OK\r\nserver: sto`, end);
        delete answer.headers['transfer-encoding'];
        res.writeHead(answer.statusCode!, { ...answer.headers, 'content-length': body.length });
        res.write(body.subarray(0, body.length >> 1), end);
    });
}
