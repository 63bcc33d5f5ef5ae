// A run of the fuzz: so many requests of one seed against a host, and what was found.
import fc from 'fast-check';
import { routes } from '../../src/api/routes';
import { checkBody, checkHead } from '../support/apiDocument/checkAnswer';
import type { Uses } from '../support/apiDocument/uses';
import { Validators } from '../support/apiDocument/validators';
import type { RouteLevel } from '../../src/core/access';
import { apiDocument, type Operation } from '../support/apiDocument/document';
import { wrongWith } from './judge';
import { Known } from './known';
import { requests, type FuzzRequest, type Sender } from './requests';
import { asCurl, send, type Answer, type Sent } from './send';
import { rawRequests, sendRaw, type RawRequest } from './wire';

export interface FuzzOptions {
    /** Of the host, without /api. */
    url: string;
    /** Headers that each sender comes with. */
    headersOf: (sender: Sender) => [string, string][];
    targetUrl: string;
    seed: number;
    /** Requests in all; every tenth is one that no client sends. */
    requests: number;
    /** Jobs that may start. */
    jobs: number;
    /** Takes what was sent last, for who looks for what has held the host up. */
    latest: UnderWay[];
    /** Called after each part of the requests, with how many have been sent. */
    progress?: (sent: number) => Promise<void> | void;
}

export interface Finding {
    what: string;
    /** How to send it again. */
    how: string;
}

/** One that was under way from then until then, in ms since 1970. */
export interface UnderWay {
    from: number;
    to: number;
    sent: Sent;
}

export interface FuzzReport {
    sent: number;
    raw: number;
    seconds: number;
    /** Answers by operation and status. */
    answers: Map<string, number>;
    findings: Finding[];
    known: Known;
}

/** Requests under way at one time. */
const AT_ONCE = 8;
const CHUNK = 500;
/** No answer may take longer, in ms: none of these waits for anything. */
const LONGEST_MS = 20_000;
const MAX_FINDINGS = 20;

export async function fuzz(o: FuzzOptions): Promise<FuzzReport> {
    const document = apiDocument();
    const validators = new Validators(document);
    const levelOf = ({ method, path }: Operation): RouteLevel =>
        routes.find((r) => `/${r.route}` === path && (r.methods as readonly string[]).includes(method))!.level;
    const known = new Known();
    const port = Number(new URL(o.url).port);
    const began = Date.now();
    const report: FuzzReport = { sent: 0, raw: 0, seconds: 0, answers: new Map(), findings: [], known };
    const arbitrary = requests({ document, targetUrl: o.targetUrl });
    const raw = rawRequests(
        o
            .headersOf('admin')
            .map(([name, value]) => `${name}: ${value}`)
            .join('\r\n'),
    );
    const seen = new Set<string>();
    let jobs = 0;
    const found = (what: string, how: string): void => {
        const kind = what.slice(0, 90).replace(/[0-9a-f-]{36}|\d+/g, '#');
        if (seen.has(kind) || report.findings.length >= MAX_FINDINGS) return;
        seen.add(kind);
        report.findings.push({ what, how: `${how}\n  (seed ${o.seed})` });
    };

    const one = async (request: FuzzRequest): Promise<void> => {
        if (request.mayStart && ++jobs > o.jobs) return;
        const sent: Sent = {
            method: request.method,
            target: known.resolve(request.target),
            headers: [...o.headersOf(request.sender), ...request.headers],
            body: request.body,
        };
        const from = Date.now();
        let answer: Answer;
        try {
            answer = await send(port, sent, LONGEST_MS);
        } catch (error) {
            found(`${request.operation.id}: ${(error as Error).message}`, asCurl(o.url, sent));
            return;
        } finally {
            report.sent++;
            o.latest.push({ from, to: Date.now(), sent });
            if (o.latest.length > 2 * CHUNK) o.latest.splice(0, CHUNK);
        }
        const name = `${request.operation.id} ${answer.status}`;
        report.answers.set(name, (report.answers.get(name) ?? 0) + 1);
        for (const wrong of wrongWith(request, sent.target, answer, { levelOf, known })) found(`${name}: ${wrong}`, asCurl(o.url, sent));
        for (const misfit of misfitsOf(validators, sent, answer)) found(`${name}: ${misfit}`, asCurl(o.url, sent));
        const tag = /"name":"fuzz (t\w+)"/.exec(sent.body?.toString() ?? '')?.[1] ?? null;
        try {
            known.heard(request.operation.id, answer.status, answer.text, answer.headers, tag);
        } catch (error) {
            found(`${name}: an answer that cannot be read: ${(error as Error).message}`, asCurl(o.url, sent));
        }
    };

    for (let chunk = 0; report.sent + report.raw < o.requests; chunk++) {
        const seed = o.seed + chunk * 7_919;
        const size = Math.min(CHUNK, o.requests - report.sent - report.raw);
        const list = fc.sample(arbitrary, { seed, numRuns: Math.ceil(size * 0.9) });
        const odd = fc.sample(raw, { seed, numRuns: Math.floor(size * 0.1) });
        const work: (() => Promise<void>)[] = list.map((request) => () => one(request));
        for (const [i, request] of odd.entries())
            work.splice(i * 10, 0, async () => {
                try {
                    const said = await sendRaw(port, request, LONGEST_MS);
                    if (said !== null && /^HTTP\/1\.1 5(?!01|05)/.test(said))
                        found(`${request.what}: answered ${said.slice(0, 300)}`, asText(request));
                } catch (error) {
                    found(`${request.what}: ${(error as Error).message}`, asText(request));
                } finally {
                    report.raw++;
                }
            });
        await Promise.all(Array.from({ length: AT_ONCE }, () => inTurn(work)));
        await o.progress?.(report.sent + report.raw);
        // A host that is gone fails everything that comes after it.
        if (report.findings.length >= MAX_FINDINGS) break;
    }
    report.seconds = (Date.now() - began) / 1_000;
    return report;
}

/** The beginning of what was sent, on one line. */
const asText = ({ pieces }: RawRequest): string => JSON.stringify(Buffer.concat(pieces).toString('latin1').slice(0, 600));

async function inTurn(work: (() => Promise<void>)[]): Promise<void> {
    for (let next = work.shift(); next; next = work.shift()) await next();
}

/** What of the answer does not fit the API document: of its status, headers and body. What a server in front answers is not the API's. */
function misfitsOf(validators: Validators, { method, target }: Sent, { status, headers, text }: Answer): string[] {
    if (!headers.has('x-ms-invocation-id')) return [];
    const { pathname } = new URL(`http://localhost${target}`);
    const found = validators.document.find(method, pathname.slice('/api'.length));
    if (found.kind !== 'operation') return [];
    const uses: Uses = new Set();
    const { misfits, body } = checkHead(validators, found.operation, { status, headers }, uses);
    if (misfits.length > 0 || !body || body.media.isLines || body.type === 'text/csv') return misfits;
    return checkBody(validators, found.operation, status, body, text, uses);
}
