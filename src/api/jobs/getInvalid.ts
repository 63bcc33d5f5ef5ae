// GET /jobs/{id}/invalid
import { requireJob } from '../../application/readJob';
import { blobs } from '../../contracts/names';
import type { Row } from '../../sources/row';
import { idOf, type Handler } from '../http/frame';

/** One line of the answer. */
export type InvalidRow = Exclude<Row, { json: string }>;

/** The rows of the source that are not items, one a line; empty when there are none (yet). */
export const getInvalid: Handler = async (request, { store: open }) => {
    const id = idOf(request);
    const store = await open();
    await requireJob(store, id);
    const body = await store.openBlob(blobs.invalid(id));
    return { status: 200, headers: { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' }, body: body ?? '' };
};
