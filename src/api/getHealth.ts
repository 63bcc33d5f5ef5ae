// GET /health: does this app reach its storage?
import { json, type Handler } from './http/frame';

export interface Health {
    status: 'ok' | 'unavailable';
    storage: 'ok' | 'unreachable';
}

export const health: Handler = async (_request, { invocation, store: open }) => {
    try {
        await (await open()).ping(5000);
        return json(200, { status: 'ok', storage: 'ok' } satisfies Health);
    } catch (error) {
        invocation.warn('Health: storage does not answer:', error);
        return json(503, { status: 'unavailable', storage: 'unreachable' } satisfies Health);
    }
};
