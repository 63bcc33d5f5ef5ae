// GET /jobs/{id}/items/{index}
import { readItem } from '../../application/readItem';
import { idOf, json, type Handler } from '../http/frame';

export const getItem: Handler = async (request, { store: open }) => {
    const id = idOf(request);
    return json(200, await readItem(await open(), id, request.params.index ?? ''));
};
