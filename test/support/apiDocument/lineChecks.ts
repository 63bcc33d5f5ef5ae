// The body of an answer that comes line by line, looked at while who asked reads it.
import type { Media } from './document';
import { useValue, type Uses } from './uses';
import type { Validators } from './validators';

/** All of so many first lines are checked, then one of so many: what is wrong is mostly wrong everywhere, and an answer may have millions. */
const ALL_OF = 1_000;
const ONE_OF = 100;
/** What is wrong in the first of them is told. */
const MOST_TOLD = 3;

export class LineChecks {
    private readonly decoder = new TextDecoder();
    private rest = '';
    private lines = 0;
    private wrong = 0;

    constructor(
        private readonly validators: Validators,
        private readonly media: Media,
        private readonly uses: Uses,
        private readonly tell: (misfit: string) => void,
    ) {}

    /** A piece of the body; the last one is null. */
    take(chunk: Uint8Array | null): void {
        this.rest += chunk ? this.decoder.decode(chunk, { stream: true }) : this.decoder.decode();
        const lines = this.rest.split('\n');
        this.rest = lines.pop()!;
        for (const line of lines) this.line(line);
        if (chunk === null && this.rest !== '') this.line(this.rest);
    }

    private line(line: string): void {
        this.lines += 1;
        const { isLines, schema } = this.media;
        // Of what is no JSON the first line is looked at: that of a CSV names its columns.
        const isDue = isLines ? this.lines <= ALL_OF || this.lines % ONE_OF === 0 : this.lines === 1;
        if (!isDue || schema === null || this.wrong >= MOST_TOLD) return;
        let value: unknown = line;
        try {
            if (isLines) value = JSON.parse(line);
        } catch {
            this.tellOf(['is no JSON']);
            return;
        }
        const errors = this.validators.errors(schema, value);
        if (errors.length > 0) this.tellOf(errors);
        else useValue(this.validators, 'answer', schema, value, this.uses);
    }

    private tellOf(errors: string[]): void {
        this.wrong += 1;
        this.tell(`line ${this.lines}: ${errors.join('; ')}`);
    }
}
