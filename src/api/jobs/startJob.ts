// POST /jobs
import { Log } from '../../log';
import { sha256 } from '../../application/idempotency';
import { readSpecText } from '../../application/specText';
import { startJob as start } from '../../application/startJob';
import { engineOf } from '../durableEngine';
import { readBody } from '../http/body';
import { json, rootOf, type Handler } from '../http/frame';
import { keyOf } from '../http/idempotencyKey';
import { newStatus, statusDocument } from './statusDocument';

export const startJob: Handler = async (request, { client, invocation, store: open }) => {
    const key = keyOf(request.headers.get('idempotency-key'));
    const body = await readBody(request);
    const text = readSpecText(body);
    const store = await open();
    const engine = engineOf(client);
    const log = new Log(invocation);
    const asked = { text, bodyHash: sha256(body), key };
    const { job, replayed, stoodBefore } = await start({ store, engine, clock: Date.now, log }, asked);
    const root = rootOf(request);
    const status = stoodBefore ? await statusDocument(store, engine, job, root) : newStatus(job, root);
    const replay = replayed ? { 'idempotency-replayed': 'true' } : {};
    return json(202, status, { location: status.links.self!, 'retry-after': '1', ...replay });
};
