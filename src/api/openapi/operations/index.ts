// Every operation, by the name of its route and its method: a route that is not here does not compile.
import type { KnownRoute } from '../../routes';
import type { Operation } from '../operation';
import { getOpenApi, health } from './host';
import * as jobs from './jobs';
import { getLimiter, listLimiters, setLimiter } from './limiters';
import { getInvalid, getItem, getManifest, getResults, verifyJob } from './results';
import * as uploads from './uploads';

/** `id`: the plain name under which generators offer it, where a route has several methods. */
type OfRoute<Route extends KnownRoute> = { [Method in Route['methods'][number]]: Operation & { id?: string } };
type Operations = { [Route in KnownRoute as Route['name']]: OfRoute<Route> };

export const operations: Operations = {
    startJob: { POST: jobs.startJob },
    listJobs: { GET: jobs.listJobs },
    getJob: { GET: jobs.getJob },
    getResults: { GET: getResults },
    getItem: { GET: getItem },
    getInvalid: { GET: getInvalid },
    getManifest: { GET: getManifest },
    verifyJob: { POST: verifyJob },
    getTimeline: { GET: jobs.getTimeline },
    retuneJob: { PATCH: jobs.retuneJob },
    pauseJob: { POST: jobs.pauseJob },
    resumeJob: { POST: jobs.resumeJob },
    approveJob: { POST: jobs.approveJob },
    rejectJob: { POST: jobs.rejectJob },
    cancelJob: { POST: jobs.cancelJob },
    createUpload: { POST: uploads.createUpload },
    uploadOptions: { OPTIONS: uploads.uploadOptions },
    getUpload: { GET: uploads.getUpload },
    resumeUpload: {
        HEAD: { ...uploads.headUpload, id: 'headUpload' },
        PATCH: { ...uploads.appendUpload, id: 'appendUpload' },
        DELETE: { ...uploads.deleteUpload, id: 'deleteUpload' },
    },
    overrideUpload: { POST: uploads.overrideUpload },
    uploadPartOptions: { OPTIONS: uploads.uploadPartOptions },
    listLimiters: { GET: listLimiters },
    getLimiter: { GET: getLimiter },
    setLimiter: { PUT: setLimiter },
    health: { GET: health },
    getOpenApi: { GET: getOpenApi },
};
