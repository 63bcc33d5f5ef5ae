// Numbers of a source as their digits. JSON knows no bound for them, a JavaScript number does: read as one, 9007199254740993 becomes another number,
// 1.10 another text, and 1e400 nothing.
import { isSameNumber } from './decimal';

/** Compared or computed with a number whose digits a double does not give back. */
export class InexactNumber extends Error {}

/** Digits that a message shows. */
const SHOWN = 40;
/** Digits beyond which nobody looks for a double that is the same: it would take long, and there is none but for zeros. */
const MAX_LOOKED_AT = 1_000;

/** JSON text that stands for its value: `writeExact` writes it as it is. `JSON.stringify`, which cannot, throws. */
export class RawJson {
    constructor(readonly text: string) {}

    toJSON(): never {
        throw new InexactNumber(`${shown(this.text)} can be written as it stands by writeExact alone`);
    }
}

/** A number of JSON text that a JavaScript number would not write as it stands there. `1.10` is one, `1.1` is a plain number. */
export class ExactNumber extends RawJson {
    private double: number | null | undefined;

    /** Whether a double is the same decimal number. */
    get isDouble(): boolean {
        return this.asDouble() !== null;
    }

    /** The double that is the same decimal number. @throws InexactNumber when there is none */
    override valueOf(): number {
        const double = this.asDouble();
        if (double !== null) return double;
        throw new InexactNumber(`the number ${shown(this.text)} would be rounded here; it can only be passed on as it is, or be a text`);
    }

    override toString(): string {
        return this.text;
    }

    /** Found out once: an expression may ask a million times. */
    private asDouble(): number | null {
        if (this.double !== undefined) return this.double;
        const double = this.text.length <= MAX_LOOKED_AT ? Number(this.text) : NaN;
        return (this.double = isSameNumber(this.text, double) ? double : null);
    }
}

const shown = (text: string): string => (text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);
