// What all contracts have in common: a version, a schema, and what to do with what an older or a newer version of the app has written.
//
// A form that changes gets the next version, and a step that makes the new form of the one before. Readers come first: a version that writes a new form
// is deployed when every instance can read it, or instances that cannot give their work back until they have been replaced.
import { z } from 'zod';

/** A newer version of the app has written this: whoever meets it gives the work back, and waits for its own instance to be replaced. */
export class NewerVersion extends Error {
    constructor(kind: string, found: number, known: number) {
        super(`${kind} is written in version ${found}; this instance knows up to version ${known}`);
        this.name = 'NewerVersion';
    }
}

/** What was read is not what it should be. Never the work of this app in any version: somebody has changed it. */
export class WrongDocument extends Error {
    constructor(kind: string, why: string) {
        super(`${kind} cannot be read: ${why}`);
        this.name = 'WrongDocument';
    }
}

export interface Contract<T> {
    /** What it is, for people: `plan`, `report of a slice`. */
    readonly kind: string;
    /** The version that is written; what stands without one is of version 1. */
    readonly version: number;
    /** @throws NewerVersion, WrongDocument */
    read(stored: unknown): T;
    /** A value for JSON, with its version. */
    write(value: T): Record<string, unknown>;
}

type Fields = Record<string, unknown>;

/** Makes a contract; of `upgrades`, the first makes version 2 of version 1, and so on to the present one. */
export function contract<Schema extends z.ZodType<object, object>>(
    kind: string,
    schema: Schema,
    upgrades: ((older: Fields) => Fields)[] = [],
): Contract<z.output<Schema>> {
    const version = upgrades.length + 1;
    return {
        kind,
        version,
        read: (stored) => {
            if (typeof stored !== 'object' || stored === null || Array.isArray(stored)) throw new WrongDocument(kind, 'it is no object');
            const { v = 1, ...fields } = stored as Fields;
            if (typeof v !== 'number' || !Number.isInteger(v) || v < 1)
                throw new WrongDocument(kind, `its version is ${JSON.stringify(v)}`);
            if (v > version) throw new NewerVersion(kind, v, version);
            const present = upgrades.slice(v - 1).reduce((older, upgrade) => upgrade(older), fields);
            const read = schema.safeDecode(present as z.input<Schema>);
            if (!read.success) throw new WrongDocument(kind, firstOf(read.error));
            return read.data;
        },
        write: (value) => ({ v: version, ...(z.encode(schema, value) as Fields) }),
    };
}

function firstOf({ issues }: z.ZodError): string {
    const [{ path, message } = { path: [], message: 'it fits no form' }] = issues;
    return `at /${path.map(String).join('/')}: ${message}`.slice(0, 300);
}
