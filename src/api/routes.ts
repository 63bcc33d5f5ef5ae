// Every route of the API. The registration and the answers to unknown paths and methods are both made from this table.
import type { HttpMethod } from '@azure/functions';
import type { RouteLevel } from '../core/access';
import { problem } from '../core/errors';
import { getInvalid } from './jobs/getInvalid';
import { getJob } from './jobs/getJob';
import { getManifest } from './jobs/getManifest';
import { getTimeline } from './jobs/getTimeline';
import { moveJob } from './jobs/moveJob';
import { retuneJob } from './jobs/retuneJob';
import { behindDoor, type Takes } from './http/checkRequest';
import { pathOf, type Door, type Handler } from './http/frame';
import { health } from './getHealth';
import { getOpenApi } from './getOpenApi';
import { getItem } from './jobs/getItem';
import { listJobs } from './jobs/listJobs';
import { getLimiter } from './limiters/getLimiter';
import { listLimiters } from './limiters/listLimiters';
import { setLimiter } from './limiters/setLimiter';
import { getResults } from './results/getResults';
import { startJob } from './jobs/startJob';
import { createUpload } from './uploads/createUpload';
import { getUpload } from './uploads/getUpload';
import { overrideUpload } from './uploads/overrideUpload';
import { resumeUpload } from './uploads/resumeUpload';
import { uploadOptions } from './uploads/uploadOptions';
import { verifyJob } from './results/verifyJob';

export interface Route {
    /** Name of the function. */
    name: string;
    route: string;
    methods: readonly HttpMethod[];
    /** What callers need for it, with each of its methods. */
    level: RouteLevel;
    handler: Handler;
    /** What the body of a request is; a route that says nothing reads none as JSON. */
    takes?: Takes;
}

/** Names and methods are literal types: of a route without a place in the API document the compiler knows. */
const known = [
    { name: 'startJob', route: 'jobs', methods: ['POST'], level: 'operate', handler: startJob, takes: 'json' },
    { name: 'listJobs', route: 'jobs', methods: ['GET'], level: 'read', handler: listJobs },
    { name: 'getJob', route: 'jobs/{id}', methods: ['GET'], level: 'read', handler: getJob },
    { name: 'getResults', route: 'jobs/{id}/results', methods: ['GET'], level: 'read', handler: getResults },
    { name: 'getItem', route: 'jobs/{id}/items/{index}', methods: ['GET'], level: 'read', handler: getItem },
    { name: 'getInvalid', route: 'jobs/{id}/invalid', methods: ['GET'], level: 'read', handler: getInvalid },
    { name: 'getManifest', route: 'jobs/{id}/manifest', methods: ['GET'], level: 'read', handler: getManifest },
    { name: 'verifyJob', route: 'jobs/{id}/verify', methods: ['POST'], level: 'read', handler: verifyJob, takes: 'maybeJson' },
    { name: 'getTimeline', route: 'jobs/{id}/timeline', methods: ['GET'], level: 'read', handler: getTimeline },
    { name: 'retuneJob', route: 'jobs/{id}', methods: ['PATCH'], level: 'operate', handler: retuneJob, takes: 'patch' },
    { name: 'pauseJob', route: 'jobs/{id}/pause', methods: ['POST'], level: 'operate', handler: moveJob('pause'), takes: 'maybeJson' },
    { name: 'resumeJob', route: 'jobs/{id}/resume', methods: ['POST'], level: 'operate', handler: moveJob('resume'), takes: 'maybeJson' },
    {
        name: 'approveJob',
        route: 'jobs/{id}/approve',
        methods: ['POST'],
        level: 'operate',
        handler: moveJob('approve'),
        takes: 'maybeJson',
    },
    { name: 'rejectJob', route: 'jobs/{id}/reject', methods: ['POST'], level: 'operate', handler: moveJob('reject'), takes: 'maybeJson' },
    { name: 'cancelJob', route: 'jobs/{id}/cancel', methods: ['POST'], level: 'operate', handler: moveJob('cancel'), takes: 'maybeJson' },
    { name: 'createUpload', route: 'uploads', methods: ['POST'], level: 'operate', handler: createUpload },
    { name: 'uploadOptions', route: 'uploads', methods: ['OPTIONS'], level: 'read', handler: uploadOptions },
    { name: 'getUpload', route: 'uploads/{id}', methods: ['GET'], level: 'operate', handler: getUpload },
    { name: 'resumeUpload', route: 'uploads/{id}', methods: ['HEAD', 'PATCH', 'DELETE'], level: 'operate', handler: resumeUpload },
    { name: 'overrideUpload', route: 'uploads/{id}', methods: ['POST'], level: 'operate', handler: overrideUpload },
    { name: 'uploadPartOptions', route: 'uploads/{id}', methods: ['OPTIONS'], level: 'read', handler: uploadOptions },
    { name: 'listLimiters', route: 'limiters', methods: ['GET'], level: 'read', handler: listLimiters },
    { name: 'getLimiter', route: 'limiters/{name}', methods: ['GET'], level: 'read', handler: getLimiter },
    { name: 'setLimiter', route: 'limiters/{name}', methods: ['PUT'], level: 'admin', handler: setLimiter, takes: 'json' },
    { name: 'health', route: 'health', methods: ['GET'], level: 'anonymous', handler: health },
    { name: 'getOpenApi', route: 'openapi.json', methods: ['GET'], level: 'anonymous', handler: getOpenApi },
] as const satisfies readonly Route[];
export type KnownRoute = (typeof known)[number];

/** The methods that a path knows; empty when no route has it. Hosts find a route whatever the case of its path is, and so does this. */
export function methodsOf(path: string): string[] {
    const segments = path.split('/').filter(Boolean);
    const fits = (route: string) => {
        const pattern = route.split('/');
        return pattern.length === segments.length && pattern.every((p, i) => p.startsWith('{') || p === segments[i]!.toLowerCase());
    };
    return [...new Set(known.filter((r) => fits(r.route)).flatMap((r): readonly HttpMethod[] => r.methods))];
}

/** Hosts answer an unknown path and a wrong method both with an empty 404; this route is the last that fits and says which it was. */
const fallback: Handler = async (request) => {
    const allow = methodsOf(request.params.path ?? '');
    if (allow.length === 0) throw problem('ROUTE_NOT_FOUND', { detail: `Nothing is at ${pathOf(request)}.` });
    throw problem('METHOD_NOT_ALLOWED', {
        detail: `${request.method} is not known at ${pathOf(request)}.`,
        headers: { allow: allow.join(', ') },
    });
};

/** A route as it is registered. */
export type GuardedRoute = Omit<Route, 'handler'> & { handler: Door };

const unknown: Route = {
    // The host tries routes in the order of their functions' names, so this one must sort last.
    name: 'zUnknownRoute',
    route: '{*path}',
    methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'],
    // What there is, and what there is not, only those are told who may ask for something.
    level: 'read',
    handler: fallback,
};

export const routes: GuardedRoute[] = [...known, unknown].map((route: Route) => ({
    ...route,
    handler: behindDoor(route.handler, route.level, route.takes ?? 'bytes'),
}));
