// Everything that was asked of the API, held against its document: what does not fit is kept until it is asked for, and so is what was used.
import { checkBody, checkHead } from './checkAnswer';
import { checkRequest } from './checkRequest';
import type { ApiDocument, Found } from './document';
import type { AnswerHead, SentRequest } from './exchange';
import { LineChecks } from './lineChecks';
import { checkUnrouted } from './unrouted';
import type { Uses } from './uses';
import { Validators } from './validators';

/** Takes an answer's body. */
export interface BodyCheck {
    /** It comes line by line, and is to be given piece by piece as it is read; else whole. */
    isLines: boolean;
    /** The last piece is null. */
    take(chunk: Uint8Array | null): void;
    whole(text: string): void;
}

export class ApiCheck {
    readonly uses: Uses = new Set();
    private readonly validators: Validators;
    /** Each once, with the request in which it was seen first. */
    private misfits = new Map<string, string>();
    private pending = new Set<Promise<unknown>>();

    constructor(readonly document: ApiDocument) {
        this.validators = new Validators(document);
    }

    /** Checks a request and the head of its answer; what it gives wants the body. */
    judge(sent: SentRequest, head: AnswerHead): BodyCheck {
        const found = this.document.find(sent.method, sent.route);
        if (found.kind === 'operation') return this.judgeOperation(found, sent, head);
        const told = `${sent.method} ${sent.route}, answered ${head.status}`;
        return wholeOnly((text) => this.tell('unknown', told, checkUnrouted(this.validators, found, sent, head, text)));
    }

    /** Waits for what `work` finds before it tells what does not fit. */
    await(work: Promise<unknown>): void {
        const known = work.catch(() => undefined).finally(() => this.pending.delete(known));
        this.pending.add(known);
    }

    /** What has not fitted since this was asked last. */
    async takeMisfits(): Promise<string[]> {
        while (this.pending.size > 0) await Promise.all(this.pending);
        const taken = [...this.misfits.values()];
        this.misfits.clear();
        return taken;
    }

    private judgeOperation(
        { operation, pathValues }: Extract<Found, { kind: 'operation' }>,
        sent: SentRequest,
        head: AnswerHead,
    ): BodyCheck {
        const tell = (misfits: string[], what = '') =>
            this.tell(`${operation.id} ${head.status}`, `${sent.method} ${sent.route}, answered ${head.status}${what}`, misfits);
        const { uses } = this;
        // A request that is taken must fit; of one that is refused nothing is asked, for a document cannot say all that a server looks at.
        if (head.status < 400) tell(checkRequest(this.validators, operation, pathValues, sent, uses), ', but its request does not fit');
        const { misfits, body } = checkHead(this.validators, operation, head, uses);
        tell(misfits);
        if (body && (body.media.isLines || body.type === 'text/csv'))
            return this.byLines(new LineChecks(this.validators, body.media, uses, (misfit) => tell([misfit])));
        // What is wrong with the head says nothing of the body that a second finding would add to.
        return wholeOnly((text) => {
            if (misfits.length === 0) tell(checkBody(this.validators, operation, head.status, body, text, uses));
        });
    }

    private byLines(lines: LineChecks): BodyCheck {
        const take = (chunk: Uint8Array | null) => lines.take(chunk);
        const whole = (text: string) => {
            take(Buffer.from(text));
            take(null);
        };
        return { isLines: true, take, whole };
    }

    /** `kind`: requests of one kind are told of once. */
    private tell(kind: string, what: string, misfits: string[]): void {
        for (const misfit of misfits)
            if (!this.misfits.has(`${kind} ${misfit}`)) this.misfits.set(`${kind} ${misfit}`, `${kind.split(' ')[0]} (${what}): ${misfit}`);
    }
}

const wholeOnly = (whole: (text: string) => void): BodyCheck => ({ isLines: false, take: () => undefined, whole });
