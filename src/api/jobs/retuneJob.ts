// PATCH /jobs/{id}: a merge patch (RFC 7396) of what may change while a job runs.
import { z } from 'zod';
import { retuneJob as retune } from '../../application/controlJob';
import { mergeLimits } from '../../application/mergeLimits';
import { fieldErrors } from '../../contracts/jobSpec';
import { badFields } from '../../core/errors';
import { callerOf } from '../http/caller';
import { idOf, json, rootOf, type Handler } from '../http/frame';
import { readDocument } from '../http/jsonBody';
import { controlPorts, reason, statusAfter } from './moveJob';

const because = z.object({ reason });

/** `200` with the status, whether it has changed anything or not. */
export const retuneJob: Handler = async (request, context) => {
    const id = idOf(request);
    const document = await readDocument(request, 'BAD_SPEC');
    const { reason: given, ...patch } = document;
    const said = because.safeParse(given === undefined ? {} : { reason: given });
    if (!said.success) throw badFields('BAD_SPEC', fieldErrors(said.error, document, []));
    const ports = await controlPorts(context);
    const why = said.data.reason;
    const who = { by: callerOf(request), ...(why === undefined ? {} : { reason: why }) };
    const done = await retune(ports, id, who, (inForce, job) => mergeLimits(inForce, patch, job, ports.clock()));
    return json(200, await statusAfter(ports, done, rootOf(request)));
};
