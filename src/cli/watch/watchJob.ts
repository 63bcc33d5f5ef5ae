// Looks at a job until it has ended or stands still. The host may go and come back meanwhile; the job goes on in any case.
import { ApiError, isCallError, NetworkError, type CallError, type FanfoldClient, type Job } from '../../client';
import { sleep } from '../../client/clock';
import { Interrupted, isNobodyThere } from '../errors';
import { exitCodes, type ExitCode } from '../exitCodes';
import { stretch } from '../output/text';
import type { Session } from '../session';
import { decideCanary } from './canary';
import { codeOf, endingOf } from './ending';
import { LiveLine, PLAIN_MS } from './liveLine';
import { progressOf, silenceText, type Silence } from './progress';

export interface WatchOptions {
    /** Then the wait ends, in ms; undefined: never. */
    timeoutMs?: number | undefined;
    /** Approves a canary without a question. */
    yes?: boolean | undefined;
    reason?: string | undefined;
    /** The job as it was seen already: its host is there, and what does not answer later is waited for. */
    seen?: Job | undefined;
}

export interface Watched {
    /** As it was seen last; null when it never was. */
    job: Job | null;
    code: ExitCode;
}

/** An answer is held until the state changes, or for so many seconds: counts of a line that is drawn may be that old. */
const HELD = { live: 2, plain: 5 };
/** One look waits so long for an answer, beside what it is held, in ms. */
const LOOK_MS = 15_000;
/** Between two looks that nothing answers, in ms: doubled up to the longest. */
const PAUSE = { first: 250, longest: 5_000 };
/** A host that starts again may not know its routes yet, for so long, in ms. */
const STARTING_MS = 30_000;

/** Aborts what waits when the time is over. */
class TimeOver extends Error {}

export async function watchJob(session: Session, id: string, options: WatchOptions = {}): Promise<Watched> {
    const { shell } = session;
    const over = new AbortController();
    const { timeoutMs } = options;
    const cancel = timeoutMs === undefined ? () => undefined : shell.clock.after(timeoutMs, () => over.abort(new TimeOver()));
    const watch = new Watch(session, id, options, AbortSignal.any([shell.signal, over.signal]));
    try {
        return await watch.run();
    } catch (error) {
        watch.line.end();
        if (error instanceof TimeOver) {
            session.say(`Not there after ${stretch(timeoutMs!)}: the job goes on. Watch it: ${session.command(`jobs watch ${id}`)}`);
            return { job: watch.last, code: exitCodes.timedOut };
        }
        if (error instanceof Interrupted) {
            session.say('The job goes on.');
            session.sayHowToGoOn(id);
        }
        throw error;
    } finally {
        cancel();
        watch.line.end();
    }
}

class Watch {
    readonly line: LiveLine;
    last: Job | null = null;
    private readonly client: FanfoldClient;
    private silence: Silence | null = null;
    private told: Job['state'] | null = null;

    constructor(
        private readonly session: Session,
        private readonly id: string,
        private readonly options: WatchOptions,
        private readonly signal: AbortSignal,
    ) {
        this.line = new LiveLine(session);
        this.last = options.seen ?? null;
        this.client = session.client({ timeoutMs: LOOK_MS, retry: { forMs: 0 } });
    }

    async run(): Promise<Watched> {
        const held = this.session.shell.stderr.isTTY ? HELD.live : HELD.plain;
        let isAsked = false;
        for (let waitSeconds = 0; ; waitSeconds = held) {
            const before = this.last?.state;
            const job = await this.look(waitSeconds);
            const code = codeOf(job);
            this.show(job);
            if (code !== null) {
                this.line.end();
                for (const text of endingOf(job, this.session)) this.session.say(text);
                return { job, code };
            }
            if (job.state === 'awaitingApproval' && !isAsked) {
                isAsked = true;
                this.line.clear();
                const { yes = false, reason } = this.options;
                const say = (text: string) => this.session.say(text);
                await decideCanary(job, { session: this.session, client: this.session.client(), yes, reason, signal: this.signal, say });
                continue;
            }
            if (job.state !== 'awaitingApproval') isAsked = false;
            await this.pace(before === job.state ? waitSeconds : 0);
        }
    }

    private lookedAt = 0;

    /** A host that does not hold its answers is not asked more often for that. */
    private async pace(heldSeconds: number): Promise<void> {
        const { clock } = this.session.shell;
        const left = this.lookedAt + heldSeconds * 1000 - clock.now();
        if (left > 50) await sleep(clock, left, this.signal);
    }

    private show(job: Job): void {
        const news = job.state !== this.told;
        this.told = job.state;
        this.line.show(progressOf(job, news, () => this.session.shell.clock.now(), this.silence));
    }

    /** The job as it is; asked again until there is an answer. @throws what no asking mends */
    private async look(waitSeconds: number): Promise<Job> {
        const { clock } = this.session.shell;
        let saidAt = -Infinity;
        for (let pause = PAUSE.first; ; pause = Math.min(pause * 2, PAUSE.longest)) {
            const began = clock.now();
            this.lookedAt = began;
            try {
                const held = this.silence ? 0 : waitSeconds;
                const job = await this.client.getJob(this.id, { waitSeconds: held, signal: this.signal });
                if (saidAt > 0) this.line.say(`${this.session.settings.url} answers again.`);
                this.silence = null;
                this.last = job;
                return job;
            } catch (error) {
                if (!isCallError(error)) throw error;
                this.silence ??= { url: this.session.settings.url, since: began, why: '' };
                const silentFor = clock.now() - this.silence.since;
                if (!this.passes(error, silentFor)) throw error;
                this.silence.why = shortly(error);
                if (this.last) this.show(this.last);
                // On a terminal the line itself says it.
                const isSaid = this.session.shell.stderr.isTTY && this.last;
                if (!isSaid && silentFor >= 1_000 && clock.now() - saidAt >= PLAIN_MS) {
                    this.line.say(silenceText(this.silence, clock.now()));
                    saidAt = clock.now();
                }
                await sleep(clock, pause, this.signal);
            }
        }
    }

    /** Whether it may be over soon. */
    private passes(error: CallError, silentFor: number): boolean {
        // Where nothing has answered yet, the URL may be wrong.
        if (error instanceof NetworkError) return this.last !== null || !isNobodyThere(error);
        if (error.status >= 500 || error.status === 429 || error.status === 408) return true;
        return error.status === 404 && error.problem === null && this.last !== null && silentFor < STARTING_MS;
    }
}

/** Why, without method and URL, which stand there already. */
function shortly(error: CallError): string {
    if (error instanceof ApiError) return `it answered ${error.status}${error.code ? ` ${error.code}` : ''}`;
    return error.message.split(' was not answered: ').at(-1)!;
}
