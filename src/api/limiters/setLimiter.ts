// PUT /limiters/{name}: what a target may be asked, in place of what was set before.
import { setLimiter as set } from '../../application/limiters';
import { parseSettings } from '../../contracts/limiter';
import { badFields } from '../../core/errors';
import { callerOf } from '../http/caller';
import { json, limiterNameOf, type Handler } from '../http/frame';
import { readDocument } from '../http/jsonBody';

export const setLimiter: Handler = async (request, { store: open }) => {
    const name = limiterNameOf(request);
    // Nothing at all is no wish to have no limits.
    const parsed = parseSettings(await readDocument(request, 'BAD_BODY', { isOptional: false }));
    if (!parsed.ok) throw badFields('BAD_BODY', parsed.errors);
    return json(200, await set((await open()).limiters, name, parsed.settings, callerOf(request)));
};
