// GET /jobs/{id}/manifest
import { requireJob } from '../../application/readJob';
import { problem } from '../../core/errors';
import { idOf, json, type Handler } from '../http/frame';

export const getManifest: Handler = async (request, { store: open }) => {
    const id = idOf(request);
    const store = await open();
    const manifest = await store.readManifest(id);
    if (manifest) return json(200, manifest);
    await requireJob(store, id);
    throw problem('NOT_READY', { detail: 'The manifest is written when the job is folded; it is not there yet.' });
};
