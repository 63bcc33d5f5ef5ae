// What is said of one method of one route.
import type { oas31 } from 'zod-openapi';
import type { z } from 'zod';
import type { ProblemCode } from '../../core/codes';
import type { HeaderName } from './headers';
import type { ParameterName } from './parameters';
import type { Tag } from './tags';

/** `isLine`: the schema is that of one line of NDJSON, of which there may be none. */
export interface Content {
    schema: z.ZodType | oas31.SchemaObject;
    isLine?: true;
}

/** With `?`: it does not come with each such answer. */
export type HeaderOfAnswer = HeaderName | `${HeaderName}?`;

export interface GoodAnswer {
    description: string;
    headers?: readonly HeaderOfAnswer[];
    /** By content type; absent: an answer without a body. */
    content?: Record<string, Content>;
    /** It has a body of one of these types, or none: marked with `x-may-be-empty`, for OpenAPI has no word for that. */
    mayBeEmpty?: true;
}

export interface Operation {
    tag: Tag;
    summary: string;
    description: string;
    parameters?: readonly ParameterName[];
    body?: { description: string; required: boolean; content: Record<string, oas31.SchemaObject | oas31.ReferenceObject> };
    /** By status. */
    answers: Record<number, GoodAnswer>;
    /** The problems that it can answer with, all of them and no others, but for those that its level in the table of routes brings with it. */
    codes: readonly ProblemCode[];
    /** Headers of problems beside those that a code has anywhere. */
    problemHeaders?: Partial<Record<ProblemCode, readonly HeaderName[]>>;
    /** A HEAD has no bodies. */
    isHead?: true;
}

/** What any handler that asks storage can answer: none foresees everything, and storage may be away. */
export const anyCodes = ['INTERNAL', 'STORAGE_UNAVAILABLE'] as const satisfies readonly ProblemCode[];
/** The same of one that reads documents of jobs or limiters, which a newer version may have written. */
export const readingCodes = [...anyCodes, 'NEWER_VERSION'] as const satisfies readonly ProblemCode[];

export const json = (schema: z.ZodType): Record<string, Content> => ({ 'application/json': { schema } });
export const lines = (schema: z.ZodType): Record<string, Content> => ({ 'application/x-ndjson': { schema, isLine: true } });

export const ref = (schema: 'JobSpec' | 'LimitsPatch' | 'MoveBody' | 'LimiterSettings'): oas31.ReferenceObject => ({
    $ref: `#/components/schemas/${schema}`,
});
