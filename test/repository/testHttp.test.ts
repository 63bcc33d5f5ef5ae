// test.http has every call that the table of routes knows.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { routes } from '../../src/api/routes';

const text = readFileSync(path.resolve(__dirname, '../../test.http'), 'utf8');
const calls = [...text.matchAll(/^(GET|POST|PUT|PATCH|DELETE|HEAD) \{\{url\}\}\/([^?\s]*)/gm)].map(([, method, to]) => `${method} ${to}`);
/** Asked by browsers and by clients that cannot send other methods, not by people. */
const unlisted = new Set(['zUnknownRoute', 'uploadOptions', 'uploadPartOptions', 'overrideUpload']);

test.each(routes.filter(({ name }) => !unlisted.has(name)).flatMap(({ methods, route }) => methods.map((method) => [method, route])))(
    '%s %s',
    (method, route) => {
        const pattern = new RegExp(`^${method} ${route.replaceAll(/\{\w+\}/g, '(\\{\\{\\w+\\}\\}|\\d+)')}$`);
        expect(calls.filter((call) => pattern.test(call)).length).toBeGreaterThan(0);
    },
);
