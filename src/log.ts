// Lines of the log: one event a line, with the job, worker, lease and partition that it is about, so that one grep tells a job's life.

/** What a line is about. `lease` is the lease's epoch. */
export interface Subject {
    job?: string;
    worker?: string;
    lease?: number;
    partition?: number | null;
}

/** What is told beside the event. Whatever is undefined or null is left out. */
export type Details = Record<string, string | number | boolean | null | undefined>;

/** Where lines go: an invocation's context, which has these, or the console. */
export interface LogSink {
    log: (line: string) => void;
    warn: (line: string) => void;
}

/** UTF-16 units of one value; the rest is cut off. */
const MAX_VALUE = 500;
/** A value that reads as one word, and as nothing else. */
const WORD = /^[\w.:/@+-]+$/;

/**
 * `job=J worker=W lease=3 partition=7 slice ended: why=time calls=512`. A value that is no plain word stands in quotes as JSON text, so that nothing that a
 * user or a target has written begins a line of its own.
 */
export class Log {
    constructor(
        private readonly sink: LogSink,
        private readonly subject: Subject = {},
    ) {}

    /** A log whose lines are about this too. */
    about(subject: Subject): Log {
        return new Log(this.sink, { ...this.subject, ...subject });
    }

    info(event: string, details: Details = {}): void {
        this.sink.log(line(this.subject, event, details));
    }

    /** Something that should not be, and that the app goes on without. `error`: what was thrown. */
    warn(event: string, details: Details = {}, error?: unknown): void {
        this.sink.warn(line(this.subject, event, error === undefined ? details : { ...details, error: textOf(error) }));
    }
}

function line({ job, worker, lease, partition }: Subject, event: string, details: Details): string {
    const told = fields(details);
    return [fields({ job, worker, lease, partition }), told === '' ? event : `${event}: ${told}`].filter(Boolean).join(' ');
}

const fields = (values: Details): string =>
    Object.entries(values)
        .filter(([, value]) => value !== undefined && value !== null)
        .map(([name, value]) => `${name}=${valueText(String(value))}`)
        .join(' ');

const valueText = (text: string): string => {
    const short = text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text;
    // JSON escapes no line separators of Unicode, which some viewers break lines at, and nothing that turns the direction of a text.
    return WORD.test(short)
        ? short
        : JSON.stringify(short).replace(
              /[\u0085\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
              (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
          );
};

function textOf(error: unknown): string {
    try {
        return String(error);
    } catch {
        return 'an error without a text';
    }
}

/** Where there is no invocation: hosts take the console's lines for the app's. */
export const consoleLog = new Log({ log: (text) => console.log(text), warn: (text) => console.warn(text) });
