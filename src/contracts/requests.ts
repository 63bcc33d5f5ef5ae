// What small requests of the API carry.
import { z } from 'zod';
import type { FieldError } from '../core/errors';
import { fieldErrors } from './jobSpec';

/** Characters of a reason, which the job's timeline keeps. */
export const MAX_REASON = 500;

/** The body of a move: why, if anything. */
export const moveBody = z.strictObject({
    reason: z
        .string()
        .min(1, { error: 'empty; say why, or leave it out' })
        .max(MAX_REASON, { error: `more than ${MAX_REASON} characters` })
        .optional(),
});
export type MoveBody = z.infer<typeof moveBody>;

/** The body of a move, or what is wrong with it. */
export function parseMoveBody(document: unknown): { ok: true; body: MoveBody } | { ok: false; errors: FieldError[] } {
    const read = moveBody.safeParse(document);
    return read.success
        ? { ok: true, body: read.data }
        : { ok: false, errors: fieldErrors(read.error, document, Object.keys(moveBody.shape)) };
}
