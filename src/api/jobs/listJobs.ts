// GET /jobs: newest first, filtered, a page at a time.
import type { HttpRequest } from '@azure/functions';
import type { JobStatus } from '../../application/jobStatus';
import { listJobs as list } from '../../application/listJobs';
import { states } from '../../core/states';
import type { ListPosition } from '../../storage/jobIndex';
import { engineOf } from '../durableEngine';
import { sealed, unsealed } from '../http/cursor';
import { badParameter, intParam, json, PAGE, rootOf, wordParam, type Handler } from '../http/frame';
import { linksOf, type StatusDocument } from './statusDocument';

export const listJobs: Handler = async (request, { client, store: open }) => {
    const asked = {
        limit: intParam(request, 'limit', PAGE),
        state: wordParam(request, 'state', states),
        name: request.query.get('name') ?? undefined,
        tags: tagParams(request),
        created: { after: timeParam(request, 'createdAfter') ?? -Infinity, before: timeParam(request, 'createdBefore') ?? Infinity },
        from: positionParam(request),
    };
    const page = await list({ store: await open(), engine: engineOf(client), clock: Date.now }, asked);
    if (!page) throw badPosition();
    const root = rootOf(request);
    const jobs = page.jobs.map((status) => brief(status, root));
    return json(200, { jobs, ...(page.next ? { next: encodePosition(page.next) } : {}) } satisfies JobPage);
};

/** A job as the list shows it. */
export type JobBrief = Pick<StatusDocument, 'id' | 'name' | 'state' | 'outcome' | 'createdAt' | 'endedAt' | 'counts' | 'tags' | 'links'>;

export interface JobPage {
    jobs: JobBrief[];
    /** Token of the next page; absent at the end of the list. */
    next?: string;
}

const brief = ({ id, name, state, outcome, createdAt, endedAt, counts, tags }: JobStatus, root: string): JobBrief => ({
    id,
    name,
    state,
    ...(outcome ? { outcome } : {}),
    createdAt,
    ...(endedAt ? { endedAt } : {}),
    counts,
    tags,
    links: linksOf(root, id),
});

const tagParams = (request: HttpRequest): (readonly [string, string])[] =>
    request.query.getAll('tag').map((text) => {
        const colon = text.indexOf(':');
        if (colon < 1) throw badParameter('tag', `"${text}" is not a tag`, 'name:value');
        return [text.slice(0, colon), text.slice(colon + 1)] as const;
    });

function timeParam(request: HttpRequest, name: string): number | undefined {
    const text = request.query.get(name);
    if (text === null) return undefined;
    const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : NaN;
    if (Number.isNaN(time)) throw badParameter(name, `"${text}" is not a time`, 'ISO 8601, for example 2026-12-01T06:00:00Z');
    return time;
}

const LIST = 'GET /jobs';

const encodePosition = ({ page = '', after = '' }: ListPosition): string =>
    sealed(LIST, `${Buffer.from(page).toString('base64url')}.${after}`);

/** Null when the word was not made by `encodePosition`. */
function decodePosition(word: string): ListPosition | null {
    const m = /^([\w-]*)\.(index\/[\w-]{1,100})$/.exec(unsealed(LIST, word) ?? '');
    if (!m) return null;
    const page = Buffer.from(m[1]!, 'base64url').toString('utf8');
    return { ...(page ? { page } : {}), after: m[2]! };
}

function positionParam(request: HttpRequest): ListPosition {
    const text = request.query.get('continuation');
    if (text === null) return {};
    const position = decodePosition(text);
    if (!position) throw badPosition();
    return position;
}

const badPosition = () => badParameter('continuation', 'not a token of this list', 'the value of "next"');
