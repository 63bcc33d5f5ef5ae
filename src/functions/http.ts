// Registration of the HTTP routes; the table says what each one is.
import * as df from 'durable-functions';
import { handle } from '../api/http/frame';
import { routes } from '../api/routes';

for (const { name, route, methods, handler, isAnonymous } of routes) {
    df.app.client.http(name, {
        route,
        methods: [...methods],
        authLevel: isAnonymous ? 'anonymous' : 'function',
        handler: handle(handler),
    });
}
