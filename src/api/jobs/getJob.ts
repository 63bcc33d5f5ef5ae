// GET /jobs/{id}
import { Log } from '../../log';
import { setTimeout as sleep } from 'node:timers/promises';
import { lookAfter } from '../../application/ensureStarted';
import { readStatus } from '../../application/jobStatus';
import { requireJob } from '../../application/readJob';
import { engineOf } from '../durableEngine';
import { idOf, intParam, json, rootOf, type Handler, type IntBounds } from '../http/frame';
import { statusDocument } from './statusDocument';

/** Of `wait`, in seconds. */
export const WAIT: IntBounds = { min: 0, max: 60, fallback: 0 };

/** Milliseconds between two looks while a reply is held. */
const LOOK = 500;

/** `?wait=seconds` holds the reply until the state is another than when the request came, or the time is up. */
export const getJob: Handler = async (request, { client, invocation, store: open }) => {
    const id = idOf(request);
    const wait = intParam(request, 'wait', WAIT);
    const store = await open();
    const job = await requireJob(store, id);
    const engine = engineOf(client);
    const until = Date.now() + wait * 1000;
    const ports = { store, engine, clock: Date.now };
    let status = await readStatus(ports, job);
    if (!status.ended) await lookAfter(store, engine, id, Date.now(), new Log(invocation));
    for (const first = status.state; status.state === first && !status.ended && Date.now() < until;) {
        await sleep(Math.min(LOOK, Math.max(1, until - Date.now())));
        status = await readStatus(ports, job);
    }
    return json(200, statusDocument(status, rootOf(request)));
};
