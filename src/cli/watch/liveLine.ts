// One line on standard error that says how far something is: redrawn in place on a terminal, and plain lines, few of them, where there is none.
import type { Clock } from '../../client';
import type { Session } from '../session';
import { cut, painted, printable, widthOf, type Colour } from '../output/text';

export interface Segment {
    text: string;
    colour?: Colour;
}

/** What a line says. Both are asked again whenever it is drawn: a time that runs in it goes on. */
export interface Content {
    /** As long as `width` allows. */
    line: (width: number) => Segment[];
    /** For a log. */
    plain: () => string;
    /** It is worth a plain line whenever the last one was: a state, the beginning and the end. */
    news: boolean;
}

/** Between two plain lines that bring no news, in ms. */
export const PLAIN_MS = 10_000;
/** Between two drawings without anything new, in ms. */
const REDRAW_MS = 1_000;

const CLEAR = '\r\u001b[K';
// A line that is too long, by a wide character, is cut by the terminal and does not wrap: it could not be taken back.
const [NO_WRAP, WRAP] = ['\u001b[?7l', '\u001b[?7h'];

export class LiveLine {
    private content: Content | null = null;
    private drawn = false;
    private last: { text: string; at: number } | null = null;
    private cancel = (): void => undefined;

    constructor(
        private readonly session: Session,
        private readonly clock: Clock = session.shell.clock,
    ) {}

    private get isLive(): boolean {
        const { stderr, env } = this.session.shell;
        return stderr.isTTY && env.TERM !== 'dumb';
    }

    show(content: Content): void {
        this.content = content;
        if (this.isLive) this.draw();
        else this.log(content);
    }

    /** A line that stays. */
    say(text: string): void {
        this.clear();
        this.session.say(text);
        if (this.content && this.isLive) this.draw();
    }

    /** Takes the line away; what comes next is drawn anew. */
    clear(): void {
        this.cancel();
        if (this.drawn) this.session.shell.stderr.write(CLEAR);
        this.drawn = false;
    }

    end(): void {
        this.clear();
        this.content = null;
    }

    private draw(): void {
        this.cancel();
        const { stderr } = this.session.shell;
        const width = Math.max(20, stderr.columns - 1);
        stderr.write(`${CLEAR}${NO_WRAP}${this.coloured(fitted(this.content!.line(width), width))}${WRAP}`);
        this.drawn = true;
        this.cancel = this.clock.after(REDRAW_MS, () => this.draw());
    }

    private log({ plain, news }: Content): void {
        const text = plain();
        const now = this.clock.now();
        if (text === this.last?.text || (!news && this.last && now - this.last.at < PLAIN_MS)) return;
        this.last = { text, at: now };
        this.session.say(text);
    }

    private coloured(segments: Segment[]): string {
        const hasColours = this.session.hasColours(this.session.shell.stderr);
        return segments.map(({ text, colour }) => (colour && hasColours ? painted(text, colour) : text)).join('');
    }
}

function fitted(segments: Segment[], width: number): Segment[] {
    let left = width;
    return segments.flatMap((segment) => {
        const text = cut(printable(segment.text), left);
        left -= widthOf(text);
        return text === '' ? [] : [{ ...segment, text }];
    });
}

/** A bar of so many characters, full to this share, 0 to 1. */
export function bar(share: number, width: number): Segment[] {
    const full = Math.round(Math.min(1, Math.max(0, share)) * width);
    return [
        { text: '█'.repeat(full), colour: 'green' },
        { text: '░'.repeat(width - full), colour: 'dim' },
    ];
}
