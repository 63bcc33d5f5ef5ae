// GET /limiters/{name}
import { readLimiter } from '../../application/limiters';
import { json, limiterNameOf, type Handler } from '../http/frame';

export const getLimiter: Handler = async (request, { store: open }) => {
    const name = limiterNameOf(request);
    return json(200, await readLimiter((await open()).limiters, name));
};
