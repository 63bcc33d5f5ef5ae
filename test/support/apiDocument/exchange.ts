// A request and its answer, as they went over the wire.

export interface SentRequest {
    /** In upper case. */
    method: string;
    /** Below the API's root, percent-encoded, without a query: `/jobs/abc`. */
    route: string;
    query: URLSearchParams;
    headers: Headers;
    /** As text, where it could be read without taking it from who sends it; undefined otherwise. */
    text: string | undefined;
    hasBody: boolean;
}

export interface AnswerHead {
    status: number;
    headers: Headers;
}

/** The type alone, without parameters, in lower case; null without one. */
export const mediaType = (headers: Headers): string | null => headers.get('content-type')?.split(';')[0]!.trim().toLowerCase() ?? null;

/** The entry that a media type falls under: itself before a range (`text/*`) before all. */
export function entryFor<T>(content: Map<string, T>, type: string): { type: string; entry: T } | null {
    for (const key of [type, `${type.split('/')[0]}/*`, '*/*']) {
        const entry = content.get(key);
        if (entry !== undefined) return { type: key, entry };
    }
    return null;
}
