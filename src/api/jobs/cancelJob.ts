// POST /jobs/{id}/cancel
import { Log } from '../../log';
import { controlJob } from '../../application/controlJob';
import { readStatus, statusFrom } from '../../application/jobStatus';
import { engineOf } from '../durableEngine';
import { idOf, json, rootOf, type Handler } from '../http/frame';
import { statusDocument } from './statusDocument';

export const cancelJob: Handler = async (request, { client, invocation, store: open }) => {
    const id = idOf(request);
    const store = await open();
    const engine = engineOf(client);
    const log = new Log(invocation);
    const ports = { store, engine, clock: Date.now, log };
    const { job, facts } = await controlJob(ports, id, { move: 'cancel', by: 'api' });
    // It is accepted: an answer that storage now refuses would say otherwise.
    const status = await readStatus(ports, job).catch((error: unknown) => {
        log.about({ job: id }).warn('status could not be read after the move', {}, error);
        return statusFrom(job, facts, Date.now);
    });
    return json(202, statusDocument(status, rootOf(request)));
};
