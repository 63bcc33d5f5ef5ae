// Validation of values against places in the API document. Each place is compiled when it is first used.
import Ajv2020, { type ErrorObject, type ValidateFunction } from 'ajv/dist/2020';
import addFormats from 'ajv-formats';
import { below, type ApiDocument } from './document';

const ROOT = 'api';
/** What a finding shows of a value, in characters. */
const SHOWN = 120;
/** Errors that are told of one value: the alternatives of a schema each have their own. */
const TOLD = 4;

/** What says only that no alternative fits. */
const ALTERNATIVES = ['oneOf', 'anyOf'];

/** What OpenAPI and its tools write into schemas beside what restricts values. */
const ANNOTATIONS = ['example', 'externalDocs', 'discriminator', 'xml'];

export class Validators {
    private readonly ajv: Ajv2020;
    private readonly compiled = new Map<string, ValidateFunction>();

    constructor(readonly document: ApiDocument) {
        // A schema that says something which the validator does not know is a fault of the document.
        this.ajv = new Ajv2020({
            strict: true,
            strictTypes: false,
            strictRequired: false,
            strictTuples: false,
            verbose: true,
            // The API gives numbers to the last digit: one beyond what JavaScript holds is a number all the same.
            strictNumbers: false,
            // Compiled for a few hundred values: what is quick to make is worth more than what is quick to run.
            inlineRefs: false,
            code: { optimize: false },
        });
        addFormats.default(this.ajv);
        // Places are compiled as parts of the whole, whose own fields are no keywords of a schema.
        this.ajv.addVocabulary([...ANNOTATIONS, ...Object.keys(document.json)]);
        this.ajv.addSchema(document.json, ROOT, undefined, false);
    }

    fits(pointer: string, value: unknown): boolean {
        return this.validator(pointer)(value) === true;
    }

    /** What is wrong with a value, a sentence each, with the place in the value first; none where it fits. */
    errors(pointer: string, value: unknown): string[] {
        const validate = this.validator(pointer);
        if (validate(value)) return [];
        // Of alternatives each has its errors. What lies deepest, and is no other word that tells alternatives apart, is of the one that was meant.
        const errors = validate.errors!.filter(({ keyword }) => !ALTERNATIVES.includes(keyword));
        const closest = errors.sort((a, b) => depth(b) - depth(a) || Number(a.keyword === 'const') - Number(b.keyword === 'const'));
        return [...new Set((closest.length > 0 ? closest : validate.errors!).slice(0, TOLD).map(told))];
    }

    private validator(pointer: string): ValidateFunction {
        const known = this.compiled.get(pointer);
        if (known) return known;
        const encoded = pointer.split('/').map(encodeURIComponent).join('/');
        const validate = this.ajv.getSchema(`${ROOT}#${encoded}`);
        if (!validate) throw new Error(`The API document has no schema at ${pointer}.`);
        this.compiled.set(pointer, validate);
        return validate;
    }
}

const depth = ({ instancePath }: ErrorObject): number => instancePath.split('/').length;

function told({ instancePath, keyword, params, message, data }: ErrorObject): string {
    const at = keyword === 'additionalProperties' ? below(instancePath, String(params.additionalProperty)) : instancePath;
    const expected = keyword === 'additionalProperties' ? 'is not documented' : message!;
    const values = keyword === 'enum' || keyword === 'const' ? ` ${JSON.stringify(params.allowedValues ?? params.allowedValue)}` : '';
    return `"${at}" ${expected}${values}: ${cut(keyword === 'additionalProperties' ? fieldOf(data, params) : data)}`;
}

const fieldOf = (data: unknown, params: Record<string, unknown>): unknown =>
    (data as Record<string, unknown>)[String(params.additionalProperty)];

const cut = (value: unknown): string => {
    const text = JSON.stringify(value) ?? 'nothing';
    return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
};
