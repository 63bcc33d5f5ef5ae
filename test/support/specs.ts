import { parseSpec, type JobSpec } from '../../src/contracts/jobSpec';
import type { FieldError } from '../../src/core/errors';

/** Reads specs that have all of `minimal`: what they become, or what is wrong with them. */
export const specsLike = (minimal: object): { specOf: (more: object) => JobSpec; errorsOf: (more: object) => FieldError[] } => ({
    specOf(more) {
        const parsed = parseSpec({ ...minimal, ...more });
        if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
        return parsed.spec;
    },
    errorsOf(more) {
        const parsed = parseSpec({ ...minimal, ...more });
        return parsed.ok ? [] : parsed.errors;
    },
});
