// Real answers, and the requests that they are answers to: what stands in the document as examples. `npm run openapi` stores them, one file an operation.
import type { oas31 } from 'zod-openapi';
import type { ProblemCode } from '../../core/codes';

/** What is stored of one operation. Values are JSON documents, of NDJSON one line, of other types the text. */
export interface StoredExamples {
    /** Bodies of requests by content type, each with a word for it. */
    requests?: Record<string, Record<string, unknown>>;
    /** Bodies of good answers by status and content type, each with a word for it. */
    answers?: Record<string, Record<string, Record<string, unknown>>>;
    /** Documents of problems by code. */
    problems?: { [Code in ProblemCode]?: unknown };
}

export interface Examples {
    ofRequest(type: string): { examples?: oas31.ExamplesObject };
    ofAnswer(status: string, type: string): { examples?: oas31.ExamplesObject };
    ofProblems(codes: readonly ProblemCode[]): { examples?: oas31.ExamplesObject };
}

export const examplesOf = ({ requests = {}, answers = {}, problems = {} }: StoredExamples): Examples => ({
    ofRequest: (type) => listed(requests[type]),
    ofAnswer: (status, type) => listed(answers[status]?.[type]),
    ofProblems: (codes) => listed(Object.fromEntries(codes.flatMap((code) => (code in problems ? [[code, problems[code]]] : [])))),
});

function listed(values: Record<string, unknown> = {}): { examples?: oas31.ExamplesObject } {
    const entries = Object.entries(values).map(([name, value]) => [name, { value }] as const);
    return entries.length === 0 ? {} : { examples: Object.fromEntries(entries) };
}
