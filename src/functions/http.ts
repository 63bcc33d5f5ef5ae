// Registration of the HTTP routes; the table says what each one is.
import * as df from 'durable-functions';
import { handle } from '../api/http/frame';
import { routes } from '../api/routes';
import { consoleLog } from '../log';
import { readSettings } from '../settings';

for (const { name, route, methods, level, handler } of routes) {
    const authLevel = level === 'anonymous' ? 'anonymous' : 'function';
    df.app.client.http(name, { route, methods: [...methods], authLevel, handler: handle(handler) });
}

const { keys, rolesRequired, signsIn, unreadCaps } = readSettings();
for (const why of unreadCaps) consoleLog.warn('a cap cannot be read, and its default holds', { why });
for (const why of keys?.unread ?? []) consoleLog.warn('FANFOLD_KEYS: an entry grants nothing', { why });
if (keys) consoleLog.info('keys of callers are checked', { keys: keys.keys.length });
if (rolesRequired && !signsIn && !keys)
    consoleLog.warn('FANFOLD_ROLES asks for app roles, and the platform has nobody sign in: nobody is let in');
