// PUT /limiters/{name}: what a target may be asked, in place of what was set before.
import { setLimiter as set } from '../../application/limiters';
import { releaseJobs } from '../../application/releaseJobs';
import { parseSettings } from '../../contracts/limiter';
import { badFields } from '../../core/errors';
import { json, limiterNameOf, type Handler } from '../http/frame';
import { readDocument } from '../http/jsonBody';
import { controlPorts } from '../jobs/moveJob';

export const setLimiter: Handler = async (request, context) => {
    const name = limiterNameOf(request);
    // Nothing at all is no wish to have no limits.
    const parsed = parseSettings(await readDocument(request, 'BAD_BODY', { isOptional: false }));
    if (!parsed.ok) throw badFields('BAD_BODY', parsed.errors);
    const ports = await controlPorts(context);
    const view = await set(ports.store.limiters, name, parsed.settings, context.caller.by);
    await releaseJobs(ports, name);
    return json(200, view);
};
