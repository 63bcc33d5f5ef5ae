// POST /jobs/{id}/cancel
import { Log } from '../../log';
import { controlJob } from '../../application/controlJob';
import { engineOf } from '../durableEngine';
import { idOf, json, rootOf, type Handler } from '../http/frame';
import { documentOf, statusDocument } from './statusDocument';

export const cancelJob: Handler = async (request, { client, invocation, store: open }) => {
    const id = idOf(request);
    const store = await open();
    const engine = engineOf(client);
    const log = new Log(invocation);
    const { job, facts } = await controlJob({ store, engine, clock: Date.now, log }, id, { move: 'cancel', by: 'api' });
    // It is accepted: an answer that storage now refuses would say otherwise.
    const told = await statusDocument(store, engine, job, rootOf(request)).catch((error: unknown) => {
        log.about({ job: id }).warn('status could not be read after the move', {}, error);
        return documentOf(job, rootOf(request), facts);
    });
    return json(202, told);
};
