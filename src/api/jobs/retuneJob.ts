// PATCH /jobs/{id}: a merge patch (RFC 7396) of what may change while a job runs.
import { retuneJob as retune } from '../../application/controlJob';
import { mergeLimits } from '../../application/mergeLimits';
import { parseMoveBody } from '../../contracts/requests';
import { badFields } from '../../core/errors';
import { readSettings } from '../../settings';
import { checkLimitersNamed } from '../http/access';
import { idOf, json, rootOf, type Handler } from '../http/frame';
import { readDocument } from '../http/jsonBody';
import { controlPorts, statusAfter, whoOf } from './moveJob';

/** `200` with the status, whether it has changed anything or not. */
export const retuneJob: Handler = async (request, context) => {
    const id = idOf(request);
    const { reason, ...patch } = await readDocument(request, 'BAD_SPEC');
    const said = parseMoveBody(reason === undefined ? {} : { reason });
    if (!said.ok) throw badFields('BAD_SPEC', said.errors);
    checkLimitersNamed(patch, context.caller, readSettings().limitersBy);
    const ports = await controlPorts(context);
    const done = await retune(ports, id, whoOf(context, said.body), (inForce, job) => mergeLimits(inForce, patch, job, ports.clock()));
    return json(200, await statusAfter(ports, done, rootOf(request)));
};
