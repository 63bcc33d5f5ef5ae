// What activities, entities, HTTP and timer functions are given, against the recordings.
import http from 'node:http';
import { until } from '../support/until';
import { golden, goldenApp, masker, type Invocation } from './golden';
import { Recorded, SECOND_HUB } from './golden-run';

const first = new Recorded();
const second = new Recorded();
beforeAll(async () => {
    await Promise.all([first.start(), second.start(SECOND_HUB)]);
    await Promise.all([first.ended(await first.run('ent')), second.ended(await second.run('loopParent'))]);
});
afterAll(() => Promise.all([first.stop(), second.stop()]));

/** What is of this machine, or named differently on purpose (see devhost/README.md), as in the recordings. */
const asRecorded = (value: unknown): unknown =>
    JSON.parse(
        JSON.stringify(value)
            .replaceAll(goldenApp, '/app')
            .replaceAll('code=local', 'code=KEY')
            .replaceAll(/127\.0\.0\.1:\d+\/durabletask-rpc\//g, '127.0.0.1:17071/durabletask/')
            .replaceAll(/127\.0\.0\.1:(?!17071)\d+/g, 'localhost:7071')
            .replaceAll(/"00-[0-9a-f]{32}-[0-9a-f]{16}-00"/g, '"a trace"')
            .replaceAll(/"\d\d\/\d\d\/\d{4} \d\d:\d\d:\d\d"/g, '"a time"'),
    );
const shown = ({ req, res }: Invocation): unknown => masker()(asRecorded({ req, res }));
const named = (app: Recorded, name: string): Invocation[] => app.invocations().filter((i) => i.req.metadata.name === name);

test('activities: the same data, the same metadata, the same values back', async () => {
    const ids = await Promise.all(['chain', 'fan', 'retry', 'mixedRetry', 'parent', 'window', 'types'].map((s) => first.run(s)));
    const again = await first.run('again');
    await first.had(again, 1);
    await first.post(again, '/raiseEvent/item', 1);
    await first.had(again, 3);
    for (const id of ids) await first.ended(id);
    interface Activity {
        function: string;
        data: { string?: string };
    }
    const mine = first.invocations().flatMap(({ req, res, thrown }) => {
        const { name, bindings } = req.metadata;
        if (Object.values(bindings)[0]!.type !== 'activityTrigger') return [];
        const { inputData, triggerMetadata } = req.request;
        const end = thrown === undefined ? { returnValue: res!.returnValue } : { thrown };
        return [masker()({ function: name, data: inputData[0]!.data, triggerMetadata, ...end })];
    });
    // `window` and `mixedRetry` come to these only because the real host lets them go on.
    const late = ['{"v":3,"ms":11}', '{"v":4,"ms":23}', '{"v":5,"ms":5}', '"z"'];
    for (const recorded of golden<Activity[]>('activities').filter((a) => !late.includes(a.data.string ?? ''))) {
        const alike = mine.filter((m) => (m as Activity).function === recorded.function);
        // On a difference: what there is for this function, beside what was recorded.
        expect(alike).toContainEqual(masker()({ returnValue: undefined, ...recorded }));
    }
});

test('entities: the same operations, states and answers', async () => {
    // The last one, a signal, is nobody's answer.
    await until(() => named(first, 'Counter').some((i) => i.req.request.inputData[0]!.data.string!.includes('"key":"other"')));
    interface Batch {
        trigger: { self: { name: string; key: string }; exists: boolean; state: string | null; batch: object[] };
        answer: { results: object[]; signals: object[]; entityExists: boolean; entityState: string | null };
    }
    const mine = [...named(first, 'Counter'), ...named(second, 'Counter')].map(({ req, res }): Batch => {
        const answer = JSON.parse((res!.returnValue!.string ?? res!.returnValue!.json) as string) as Batch['answer'];
        return { trigger: JSON.parse(req.request.inputData[0]!.data.string!) as Batch['trigger'], answer };
    });
    const recorded = golden<Batch[]>('entities');
    const keys = Object.keys({ trigger: 0, answer: 0 });
    for (const key of ['k1', 'other', 'loop']) {
        const of = (all: Batch[]) => all.filter((b) => b.trigger.self.key === key);
        // How operations come together in batches is a matter of time; their order and what comes of them is not.
        const operations = (all: Batch[]) =>
            of(all).flatMap(({ trigger, answer }) =>
                trigger.batch.map((operation, n) =>
                    JSON.stringify(masker()([trigger.self, operation, answer.results[n]])).replaceAll(/#\d+/g, '#'),
                ),
            );
        const expected = operations(recorded);
        expect(operations(mine).slice(0, expected.length)).toEqual(expected);
        expect(of(mine)[0]!.trigger).toMatchObject({ exists: false, state: null });
        const signals = (all: Batch[]) => JSON.stringify(masker()(of(all).flatMap((b) => b.answer.signals))).replaceAll(/#\d+/g, '#');
        expect(signals(mine)).toEqual(signals(recorded));
        for (const b of of(mine)) {
            expect(Object.keys(b)).toEqual(keys);
            expect(Object.keys(b.trigger).sort()).toEqual(Object.keys(recorded[0]!.trigger).sort());
        }
    }
    // Batches of one operation are the same as a whole.
    for (const one of recorded.filter((b) => b.trigger.batch.length === 1))
        expect(mine.map(({ trigger, answer }) => masker()({ trigger, answer }))).toContainEqual(
            masker()({ trigger: one.trigger, answer: one.answer }),
        );
});

test("a signal to a name with capitals reaches another entity, which has the same name in its trigger's eyes", async () => {
    await until(() => named(first, 'Counter').some((i) => i.req.request.inputData[0]!.data.string!.includes('"key":"other"')));
    // Under the lower-case name, there is none; asked for through the client, it is the lower-case one too.
    const entity = (name: string) => fetch(`${first.host.url}/runtime/webhooks/durabletask/entities/${name}/other`);
    expect([(await entity('counter')).status, (await entity('Counter')).status]).toEqual([404, 404]);
});

interface Triggers {
    capabilities: { in: object; out: object };
    http: Invocation;
    httpWithRouteParameter: Invocation;
    timer: Invocation;
}
const recordings = golden<Triggers>('triggers');

/** The recorded request, headers and all. */
async function repeat(app: Recorded, invocation: Invocation): Promise<Invocation> {
    const { name } = invocation.req.metadata;
    const before = named(app, name).length;
    const recorded = invocation.req.request.inputData[0]!.data.http as {
        url: string;
        method: string;
        nullableHeaders: Record<string, { value: string }>;
        body: { bytes: { $bytes: string } };
    };
    const headers = Object.fromEntries(Object.entries(recorded.nullableHeaders).map(([k, { value }]) => [k, value]));
    const { pathname, search } = new URL(recorded.url);
    const { hostname, port, host } = new URL(app.host.url);
    headers.host = host;
    await new Promise<void>((resolve, reject) => {
        const request = http.request(
            { hostname, port, path: pathname + search, method: recorded.method, headers, agent: false },
            (response) => response.resume().on('end', resolve),
        );
        request.on('error', reject).end(recorded.body.bytes.$bytes);
    });
    await until(() => named(app, name).length > before);
    return named(app, name)[before]!;
}

test('an HTTP function with the durable client', async () => {
    expect(shown(await repeat(first, recordings.http))).toEqual(shown(recordings.http));
});

test('an HTTP function with a route parameter, a repeated query and a key', async () => {
    const mine = await repeat(second, recordings.httpWithRouteParameter);
    expect(shown(mine)).toEqual(shown(recordings.httpWithRouteParameter));
});

test('a timer function', async () => {
    await until(() => named(first, 'tick').length > 0);
    expect(shown(named(first, 'tick')[0]!)).toEqual(shown(recordings.timer));
});

test("the worker's capabilities", () => {
    const { in: offered, out } = recordings.capabilities;
    expect(first.capabilities()).toEqual({ kind: 'capabilities', in: offered, out });
});
