// POST /jobs/{id}/pause, /resume and /cancel
import { z } from 'zod';
import { Log } from '../../log';
import { controlJob, type Controlled, type ControlPorts } from '../../application/controlJob';
import { readStatus, statusFrom } from '../../application/jobStatus';
import type { UserMove } from '../../core/states';
import { engineOf } from '../durableEngine';
import { callerOf } from '../http/caller';
import { idOf, json, rootOf, type Handler, type RouteContext } from '../http/frame';
import { readJsonBody } from '../http/jsonBody';
import { statusDocument } from './statusDocument';

/** Characters of a reason, which the job's timeline keeps. */
export const MAX_REASON = 500;
export const reason = z.string().min(1).max(MAX_REASON).optional();
const body = z.strictObject({ reason });
export type MoveBody = z.input<typeof body>;

/** `202` where the move was made, `200` where the job is on its way there already. */
export const moveJob =
    (move: UserMove): Handler =>
    async (request, context) => {
        const id = idOf(request);
        const { reason: why } = await readJsonBody(request, body, 'BAD_BODY');
        const ports = await controlPorts(context);
        const done = await controlJob(ports, id, { move, by: callerOf(request), ...(why === undefined ? {} : { reason: why }) });
        return json(done.changed ? 202 : 200, await statusAfter(ports, done, rootOf(request)));
    };

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
