// GET /jobs: newest first, filtered, a page at a time.
import type { HttpRequest } from '@azure/functions';
import { states } from '../../core/states';
import type { IndexEntry } from '../../contracts/documents';
import { isBadPosition, readIndex, type ListPosition } from '../../storage/jobIndex';
import { engineOf } from '../durableEngine';
import { seal } from '../http/cursor';
import { badParameter, intParam, json, rootOf, wordParam, type Handler } from '../http/frame';
import { statusDocument, type StatusDocument } from './statusDocument';

/** A job as the list shows it. */
export type JobBrief = Pick<StatusDocument, 'id' | 'name' | 'state' | 'outcome' | 'createdAt' | 'endedAt' | 'counts' | 'tags' | 'links'>;

export interface JobPage {
    jobs: JobBrief[];
    /** Token of the next page; absent at the end of the list. */
    next?: string;
}

/** Index entries that one request looks at: a filter that fits few jobs ends the page here, with a token to go on. */
const LOOKED_AT = 1000;

export const listJobs: Handler = async (request, { client, store: open }) => {
    const limit = intParam(request, 'limit', { min: 1, max: 100, fallback: 20 });
    const state = wordParam(request, 'state', states);
    const matches = entryFilter(request);
    const created = { after: timeParam(request, 'createdAfter') ?? -Infinity, before: timeParam(request, 'createdBefore') ?? Infinity };
    const from = positionParam(request);
    const store = await open();
    const jobs: JobBrief[] = [];
    let looked = 0;
    try {
        for await (const group of readIndex(store, from, created)) {
            const briefs = await Promise.all(group.map(async (g) => (matches(g.entry) ? brief(g.entry) : null)));
            for (const [i, job] of briefs.entries()) {
                looked++;
                if (job && (!state || job.state === state)) jobs.push(job);
                if (jobs.length === limit || looked === LOOKED_AT)
                    return json(200, { jobs, next: encodePosition(group[i]!.position) } satisfies JobPage);
            }
        }
    } catch (error) {
        if (from.page && isBadPosition(error)) throw badParameter('continuation', 'not a token of this list', 'the value of "next"');
        throw error;
    }
    return json(200, { jobs } satisfies JobPage);

    async function brief(entry: IndexEntry): Promise<JobBrief | null> {
        const job = await store.readJob(entry.id);
        // The index is written after the spec; an entry without one belongs to a job that was removed.
        if (!job) return null;
        const s = await statusDocument(store, engineOf(client), job, rootOf(request));
        return {
            id: s.id,
            name: s.name,
            state: s.state,
            ...(s.outcome ? { outcome: s.outcome } : {}),
            createdAt: s.createdAt,
            ...(s.endedAt ? { endedAt: s.endedAt } : {}),
            counts: s.counts,
            tags: s.tags,
            links: s.links,
        };
    }
};

function entryFilter(request: HttpRequest): (entry: IndexEntry) => boolean {
    const name = request.query.get('name');
    const tags = request.query.getAll('tag').map((text) => {
        const colon = text.indexOf(':');
        if (colon < 1) throw badParameter('tag', `"${text}" is not a tag`, 'name:value');
        return [text.slice(0, colon), text.slice(colon + 1)] as const;
    });
    return (entry) =>
        (name === null || entry.name === name) && tags.every(([key, value]) => Object.hasOwn(entry.tags, key) && entry.tags[key] === value);
}

function timeParam(request: HttpRequest, name: string): number | undefined {
    const text = request.query.get(name);
    if (text === null) return undefined;
    const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : NaN;
    if (Number.isNaN(time)) throw badParameter(name, `"${text}" is not a time`, 'ISO 8601, for example 2026-12-01T06:00:00Z');
    return time;
}

const LIST = 'GET /jobs';

const encodePosition = ({ page = '', after = '' }: ListPosition): string => {
    const text = `${Buffer.from(page).toString('base64url')}.${after}`;
    return Buffer.from(`${seal(LIST, text)}.${text}`).toString('base64url');
};

/** Null when the word was not made by `encodePosition`. */
function decodePosition(word: string): ListPosition | null {
    const m = /^([\w-]{10})\.(([\w-]*)\.(index\/[\w-]{1,100}))$/.exec(Buffer.from(word, 'base64url').toString('latin1'));
    if (!m || m[1] !== seal(LIST, m[2]!)) return null;
    const page = Buffer.from(m[3]!, 'base64url').toString('utf8');
    return { ...(page ? { page } : {}), after: m[4]! };
}

function positionParam(request: HttpRequest): ListPosition {
    const text = request.query.get('continuation');
    if (text === null) return {};
    const position = decodePosition(text);
    if (!position) throw badParameter('continuation', 'not a token of this list', 'the value of "next"');
    return position;
}
