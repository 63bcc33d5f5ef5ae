// test.http is sent from top to bottom, as somebody would who follows it: every request of it is answered with success, and it has every call of the API.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { startTarget, type Target } from '../../samples/target';
import { routes } from '../../src/api/routes';
import { startHost, type RunningHost } from '../support/host';
import { fillIn, parseHttpFile, type HttpAnswer, type HttpRequest } from '../support/httpFile';
import { until } from '../support/until';

const root = path.resolve(__dirname, '../..');
const { variables, requests } = parseHttpFile(readFileSync(path.join(root, 'test.http'), 'utf8'));
const answers = new Map<string, HttpAnswer>();

let host: RunningHost;
let target: Target;
beforeAll(async () => {
    [host, target] = await Promise.all([startHost({ app: root }), startTarget()]);
    variables.set('host', host.url).set('target', target.url);
});
afterAll(async () => {
    await Promise.all([host?.stop(), target?.stop()]);
});

interface Answer extends HttpAnswer {
    status: number;
}

async function send({ method, url, headers, body }: HttpRequest): Promise<Answer> {
    const filled = (text: string): string => fillIn(text, variables, answers);
    const answer = await fetch(filled(url), {
        method,
        headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, filled(value)])),
        body: body === null ? null : filled(body),
    });
    const text = await answer.text();
    const isJson = answer.headers.get('content-type')?.startsWith('application/json');
    return { status: answer.status, headers: answer.headers, body: isJson ? (JSON.parse(text) as unknown) : text };
}

/** Sends a request, again and again where its title says until when. */
async function follow(request: HttpRequest): Promise<Answer> {
    const [, state] = /[Ss]end it again until its state is (\w+)$/.exec(request.title) ?? [];
    let answer: Answer | undefined;
    return until(
        async () => {
            answer = await send(request);
            return !state || answer.status >= 300 || (answer.body as { state: string }).state === state ? answer : null;
        },
        () => `the state is not ${state}: ${JSON.stringify(answer?.body)}`,
    );
}

test.each(requests.map((request) => [request.title, request] as const))('%s', async (_title, request) => {
    const answer = await follow(request);
    if (request.name) answers.set(request.name, answer);
    if (answer.status < 200 || answer.status > 299)
        throw new Error(`${request.method} ${request.url} was answered ${answer.status}: ${JSON.stringify(answer.body)}`);
});

test('what the story tells of has something to show', async () => {
    const shown = async (title: string): Promise<unknown> => (await send(requests.find((request) => request.title === title)!)).body;
    expect(await shown('Items that failed as those of one group of the status')).toContain('"key":"nowhere"');
    expect(await shown('Rows that are no items')).toContain('"line":6');
    expect(await shown('The limiters of all targets')).toMatchObject({ limiters: expect.arrayContaining([expect.anything()]) });
});

describe('has every call', () => {
    /** Asked by browsers and by clients that cannot send other methods, not by people. */
    const unlisted = new Set(['zUnknownRoute', 'uploadOptions', 'uploadPartOptions', 'overrideUpload']);
    const calls = requests.map(({ method, url }) => `${method} ${url.replace('{{parts}}', '{{url}}/uploads/{{id}}').split('?')[0]}`);

    test.each(routes.filter(({ name }) => !unlisted.has(name)).flatMap(({ methods, route }) => methods.map((method) => [method, route])))(
        '%s %s',
        (method, route) => {
            const pattern = new RegExp(`^${method} \\{\\{url\\}\\}/${route.replaceAll(/\{\w+\}/g, '(\\{\\{\\w+\\}\\}|\\d+)')}$`);
            expect(calls.filter((call) => pattern.test(call)).length).toBeGreaterThan(0);
        },
    );
});

describe('a mistake in it is found', () => {
    test('a reference that leads nowhere', () => {
        const known = new Map([['start', { headers: new Headers(), body: { id: 'a', list: [{ b: 1 }] } }]]);
        const read = (text: string): string => fillIn(text, new Map([['id', '{{start.response.body.$.id}}']]), known);
        expect(read('/{{id}}/{{start.response.body.$.list[0].b}}')).toBe('/a/1');
        for (const wrong of [
            '{{di}}',
            '{{begin.response.body.$.id}}',
            '{{start.response.body.$.no}}',
            '{{start.response.headers.Location}}',
        ])
            expect(() => read(wrong)).toThrow(`Nothing is known of ${wrong}.`);
        expect(() => read('{{start.response.body.id}}')).toThrow('no path');
    });

    test('a block without a request, or with a broken header', () => {
        expect(() => parseHttpFile('### Nothing\n# @name x\n')).toThrow('No request is below "### Nothing".');
        expect(() => parseHttpFile('### One\nGET /\nno header\n')).toThrow('"no header"');
    });

    test('a request that is refused', async () => {
        const [request] = parseHttpFile('### Nobody\nGET {{url}}/jobs/00000000-0000-4000-8000-000000000000\n').requests;
        expect((await follow(request!)).status).toBe(404);
    });
});
