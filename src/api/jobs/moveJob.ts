// POST /jobs/{id}/pause, /resume, /approve, /reject and /cancel
import { Log } from '../../log';
import { controlJob, type Controlled, type ControlPorts, type Who } from '../../application/controlJob';
import { readStatus, statusFrom } from '../../application/jobStatus';
import { parseMoveBody, type MoveBody } from '../../contracts/requests';
import { badFields } from '../../core/errors';
import type { UserMove } from '../../core/states';
import { engineOf } from '../durableEngine';
import { idOf, json, rootOf, type Handler, type RouteContext } from '../http/frame';
import { readDocument } from '../http/jsonBody';
import { statusDocument } from './statusDocument';

/** `202` where the move was made, `200` where the job is on its way there already. */
export const moveJob =
    (move: UserMove): Handler =>
    async (request, context) => {
        const id = idOf(request);
        const parsed = parseMoveBody(await readDocument(request, 'BAD_BODY'));
        if (!parsed.ok) throw badFields('BAD_BODY', parsed.errors);
        const ports = await controlPorts(context);
        const done = await controlJob(ports, id, { move, ...whoOf(context, parsed.body) });
        return json(done.changed ? 202 : 200, await statusAfter(ports, done, rootOf(request)));
    };

/** Who asks, and why. */
export const whoOf = ({ caller }: RouteContext, { reason }: MoveBody): Who => ({
    by: caller.by,
    ...(reason === undefined ? {} : { reason }),
});

export const controlPorts = async ({ client, invocation, store }: RouteContext): Promise<ControlPorts> => ({
    store: await store(),
    engine: engineOf(client),
    clock: Date.now,
    log: new Log(invocation),
});

/** It is accepted: an answer that storage now refuses would say otherwise. */
export async function statusAfter(ports: ControlPorts, { job, facts }: Controlled, root: string) {
    const status = await readStatus(ports, job).catch((error: unknown) => {
        ports.log.about({ job: job.id }).warn('status could not be read after the change', {}, error);
        return statusFrom(job, facts, ports.clock());
    });
    return statusDocument(status, root);
}
