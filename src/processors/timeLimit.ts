// A limit on the time of one attempt by a processor. One that never ends would hold its slice, and a cancel with it.
import { checkText, send, type OutgoingRequest } from '../egress/outgoing';
import { failed, type ProcessorContext, type ProcessorResult } from './processor';

/** Told when the time is up. The signal is made only for who looks at it: most processors do not, and it costs more than they do. */
export class Late {
    private controller: AbortController | null = null;
    private isLate = false;

    get signal(): AbortSignal {
        this.controller ??= new AbortController();
        if (this.isLate) this.controller.abort();
        return this.controller.signal;
    }

    tell(): void {
        this.isLate = true;
        this.controller?.abort();
    }
}

/** What a processor is told, with a signal and calls that end when the attempt's time is up. */
export class TimedContext implements ProcessorContext {
    readonly jobId: string;
    readonly index: number;
    readonly key: string | number;
    readonly attempt: number;
    readonly idempotencyKey: string;
    readonly maxOutputBytes: number;

    constructor(
        given: Omit<ProcessorContext, 'send' | 'signal'>,
        private readonly late: Late,
    ) {
        ({
            jobId: this.jobId,
            index: this.index,
            key: this.key,
            attempt: this.attempt,
            idempotencyKey: this.idempotencyKey,
            maxOutputBytes: this.maxOutputBytes,
        } = given);
    }

    get signal(): AbortSignal {
        return this.late.signal;
    }

    readonly send = async (request: OutgoingRequest) => {
        if (typeof request.body === 'string') checkText('body', request.body);
        const { signal } = this.late;
        return send({ ...request, signal: request.signal ? AbortSignal.any([request.signal, signal]) : signal });
    };
}

let overdue = 0;

/** Attempts whose time was up and that still run in this process: whatever they do to it is nobody else's doing. */
export const overdueAttempts = (): number => overdue;

/**
 * Runs the attempt for at most so many ms; then it has failed with TIMEOUT, to be tried again, and whatever it comes to later means nothing. Code that
 * neither ends nor heeds the signal goes on in the background: nothing can take that back but the end of its process.
 */
export function inTime(timeoutMs: number, run: (late: Late) => Promise<ProcessorResult>): Promise<ProcessorResult> {
    return new Promise((resolve, reject) => {
        const late = new Late();
        let isOverdue = false;
        const timer = setTimeout(() => {
            isOverdue = true;
            overdue++;
            late.tell();
            resolve(failed('TIMEOUT', `the processor did not end within ${timeoutMs} ms`));
        }, timeoutMs);
        const end = <T>(settle: (value: T) => void) => {
            return (value: T) => {
                clearTimeout(timer);
                if (isOverdue) overdue--;
                settle(value);
            };
        };
        // A promise settles once: what comes after the timeout is dropped here, also a rejection.
        const begun = async () => run(late);
        begun().then(end(resolve), end(reject));
    });
}
