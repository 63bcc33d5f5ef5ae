// GET /jobs/{id}, GET /jobs/{id}/manifest, GET /jobs/{id}/invalid, POST /jobs/{id}/cancel
import { setTimeout as sleep } from 'node:timers/promises';
import * as df from 'durable-functions';
import { problem } from '../core/errors';
import { allowedMoves, isEnded } from '../core/states';
import { names } from '../storage/jobStore';
import { idOf, intParam, json, rootOf, type Handler } from './handle';
import { requireJob, statusDocument } from './status';

/** Milliseconds between two looks while a reply is held. */
const LOOK = 500;

/** `?wait=seconds` holds the reply until the state is another than when the request came, or the time is up. */
export const getJob: Handler = async (request, { client, store: open }) => {
    const id = idOf(request);
    const wait = intParam(request, 'wait', { min: 0, max: 60, fallback: 0 });
    const store = await open();
    const job = await requireJob(store, id);
    const until = Date.now() + wait * 1000;
    let status = await statusDocument(store, client, job, rootOf(request));
    for (const first = status.state; status.state === first && !status.ended && Date.now() < until;) {
        await sleep(Math.min(LOOK, Math.max(1, until - Date.now())));
        status = await statusDocument(store, client, job, rootOf(request));
    }
    return json(200, status);
};

export const getManifest: Handler = async (request, { store: open }) => {
    const id = idOf(request);
    const store = await open();
    const manifest = await store.readManifest(id);
    if (manifest) return json(200, manifest);
    await requireJob(store, id);
    throw problem('NOT_READY', { detail: 'The manifest is written when the job is folded; it is not there yet.' });
};

/** The rows of the source that are not items, one a line; empty when there are none (yet). */
export const getInvalid: Handler = async (request, { store: open }) => {
    const id = idOf(request);
    const store = await open();
    await requireJob(store, id);
    const body = await store.openBlob(names.invalid(id));
    return { status: 200, headers: { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' }, body: body ?? '' };
};

/** Slices see the control document within a second; the ledger is told too, for a job of which no slice runs just now. */
export const cancelJob: Handler = async (request, { client, invocation, store: open }) => {
    const id = idOf(request);
    const store = await open();
    const job = await requireJob(store, id);
    const status = await statusDocument(store, client, job, rootOf(request));
    if (status.ended || status.state === 'folding') {
        const allowed = isEnded(status.state) ? [] : allowedMoves(status.state);
        throw problem('ILLEGAL_MOVE', {
            detail: `The job is ${status.state} and can no longer be cancelled.`,
            state: status.state,
            allowed,
        });
    }
    const control = await store.readControl(id);
    if (!control.cancelled) await store.writeControl(id, { ...control, cancelled: true, generation: control.generation + 1 });
    await client.signalEntity(new df.EntityId('ledger', id), 'cancel', { op: 'cancel' });
    try {
        // Wakes the job up when it sleeps until a far retry. Lost or doubled, it does no harm: the ledger has the word.
        await client.raiseEvent(id, 'wake', { cancel: true });
    } catch (error) {
        invocation.warn(`The job ${id} could not be woken up; it will see the cancel when it next looks.`, error);
    }
    return json(202, await statusDocument(store, client, job, rootOf(request)));
};
