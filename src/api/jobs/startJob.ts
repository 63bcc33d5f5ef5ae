// POST /jobs
import { Log } from '../../log';
import { digestOf } from '../../application/idempotency';
import { newStatus, readStatus } from '../../application/jobStatus';
import { specTextOf } from '../../application/specText';
import { startJob as start } from '../../application/startJob';
import { capSettings } from '../../core/caps';
import { readSettings } from '../../settings';
import { inTurns } from '../../turns';
import { engineOf } from '../durableEngine';
import { checkLimitersNamed } from '../http/access';
import { readBody } from '../http/body';
import { json, rootOf, type Handler } from '../http/frame';
import { keyOf } from '../http/idempotencyKey';
import { statusDocument } from './statusDocument';

export const startJob: Handler = async (request, { client, invocation, store: open, caller }) => {
    const key = keyOf(request.headers.get('idempotency-key'));
    const { caps, limitersBy } = readSettings();
    const body = await readBody(request, caps.bodyBytes, capSettings.bodyBytes.name);
    const text = await inTurns(specTextOf(body));
    checkLimitersNamed(text.document, caller, limitersBy);
    const store = await open();
    const engine = engineOf(client);
    const asked = { text, bodyHash: await digestOf(body), key, by: caller.by };
    const ports = { store, engine, clock: Date.now, log: new Log(invocation), caps };
    const { job, replayed, stoodBefore } = await start(ports, asked);
    const status = statusDocument(stoodBefore ? await readStatus(ports, job) : newStatus(job, Date.now()), rootOf(request));
    const replay = replayed ? { 'idempotency-replayed': 'true' } : {};
    return json(202, status, { location: status.links.self!, 'retry-after': '1', ...replay });
};
