// GET /health: does this app reach its storage? Anybody may ask, so it says whether, and nothing else.
import { json, type Handler, type RouteContext } from './http/frame';

export interface Health {
    status: 'ok' | 'unavailable';
}

/** Milliseconds. */
const PATIENCE = 5000;

let look: Promise<void> | null = null;

export const health: Handler = async (_request, { invocation, store }) => {
    try {
        await (look ??= pingOnce(store));
        return json(200, { status: 'ok' } satisfies Health);
    } catch (error) {
        invocation.warn('Health: storage does not answer:', error);
        return json(503, { status: 'unavailable' } satisfies Health);
    }
};

/** However many ask at a time, storage is asked once: who needs no key is not to use up what storage takes. */
async function pingOnce(open: RouteContext['store']): Promise<void> {
    try {
        await (await open()).ping(PATIENCE);
    } finally {
        look = null;
    }
}
