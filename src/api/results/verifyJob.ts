// POST /jobs/{id}/verify
import { verifyJob as verify } from '../../application/verifyJob';
import { idOf, json, type Handler } from '../http/frame';

export const verifyJob: Handler = async (request, { store: open }) => {
    const id = idOf(request);
    return json(200, await verify(await open(), id));
};
