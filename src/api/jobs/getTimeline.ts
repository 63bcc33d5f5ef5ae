// GET /jobs/{id}/timeline: what happened to the job as a whole, as one JSON document or as NDJSON.
import type { HttpRequest } from '@azure/functions';
import { readTimeline, type TimelineView } from '../../application/readTimeline';
import { problem } from '../../core/errors';
import { engineOf } from '../durableEngine';
import { idOf, json, wordParam, type Handler } from '../http/frame';

export interface Timeline {
    jobId: string;
    /** In the order in which it happened. */
    events: TimelineView[];
}

export const getTimeline: Handler = async (request, { client, store: open }) => {
    const id = idOf(request);
    const format = formatOf(request);
    const events = await readTimeline(await open(), engineOf(client), id);
    if (format === 'json') return json(200, { jobId: id, events } satisfies Timeline);
    return {
        status: 200,
        headers: { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' },
        body: events.map((event) => `${JSON.stringify(event)}\n`).join(''),
    };
};

const formats = ['json', 'ndjson'] as const;

function formatOf(request: HttpRequest): (typeof formats)[number] {
    const asked = wordParam(request, 'format', formats);
    if (asked) return asked;
    const accept = request.headers.get('accept') ?? '*/*';
    const wanted = accept
        .toLowerCase()
        .split(',')
        .map((part) => part.split(';').map((field) => field.trim()))
        .filter(([, ...parameters]) => !parameters.some((field) => /^q=0(?:\.0*)?$/.test(field)))
        .map(([type]) => type);
    if (wanted.some((type) => type === 'application/x-ndjson' || type === 'application/jsonl')) return 'ndjson';
    if (wanted.some((type) => type === 'application/json' || type === 'application/*' || type === '*/*')) return 'json';
    throw problem('NOT_ACCEPTABLE', { detail: `"${accept.slice(0, 100)}" is not made here.` });
}
