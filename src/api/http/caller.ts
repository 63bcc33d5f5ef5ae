// Who sends a request, as far as the platform knows.
import type { HttpRequest } from '@azure/functions';
import { readSettings } from '../../settings';

/** Characters of a name that are kept. */
const MAX_NAME = 200;

/** Who is signed in, where the platform has callers sign in and so sets the header itself; else only that the request came over the API. */
export function callerOf(request: Pick<HttpRequest, 'headers'>): string {
    const name = readSettings().signsIn ? request.headers.get('x-ms-client-principal-name') : null;
    return name ? name.slice(0, MAX_NAME) : 'api';
}
