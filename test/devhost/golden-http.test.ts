// The durable HTTP API against the recordings: the same requests to a hub with the same instances in it.
import { golden, masker } from './golden';
import { Recorded, SECOND_HUB } from './golden-run';
import { until } from '../support/until';

interface Exchange {
    req: { method: string; url: string; body?: string };
    res: { status: number; headers: Record<string, string>; body: unknown };
}
const recordings = golden<Exchange[]>('durable-http-api');
const app = new Recorded();
beforeAll(() => app.start(SECOND_HUB));
afterAll(() => app.stop());

const told = ['content-type', 'location', 'retry-after', 'x-ms-continuation-token'];

async function repeat({ req }: Exchange): Promise<Exchange['res']> {
    const url = req.url.replace('http://localhost:7071', app.host.url).replace('code=KEY', 'code=local');
    const response = await fetch(url, { method: req.method, ...(req.body === undefined ? {} : { body: req.body }) });
    const asRecorded = (text: string) => text.replaceAll(app.host.url, 'http://localhost:7071').replaceAll('code=local', 'code=KEY');
    const body = asRecorded(await response.text());
    const headers = told.flatMap((name) => (response.headers.has(name) ? [[name, asRecorded(response.headers.get(name)!)]] : []));
    return { status: response.status, headers: Object.fromEntries(headers), body: body === '' ? '' : (JSON.parse(body) as unknown) };
}

/** The recorded answer as it can be here: no sorter in an entity's input, no space behind a token. */
function expected({ res }: Exchange): Exchange['res'] {
    const text = JSON.stringify(res).replaceAll(/"sorter":\{"ReceivedFromInstance".*?"ReceiveHorizon":"[^"]*"\}/g, '"sorter":{}');
    const { status, headers, body } = JSON.parse(text) as Exchange['res'];
    return { status, headers: Object.fromEntries(Object.entries(headers).map(([k, v]) => [k, v.trim()])), body };
}

async function start(name: string, id: string, input: unknown = ''): Promise<void> {
    const url = `${app.host.url}/runtime/webhooks/durabletask/orchestrators/${name}/${id}`;
    expect((await fetch(url, { method: 'POST', body: JSON.stringify(input) })).status).toBe(202);
}

test('status, headers and bodies of every recorded request', async () => {
    const [raised, history, early, listed, ...others] = recordings as [Exchange, Exchange, Exchange, Exchange, ...Exchange[]];
    const instances = (listed.res.body as { name: string; instanceId: string; input: unknown }[]).filter(
        ({ name }) => !name.startsWith('@') && name !== 'loopChild',
    );
    const [wakes, rest] = [instances.filter((i) => i.name === 'wakeLoop'), instances.filter((i) => i.name !== 'wakeLoop')];
    const [slow, quick] = wakes as [(typeof wakes)[0], (typeof wakes)[0]];
    const waiting = rest.find((i) => i.name === 'early')!;
    const check = async (exchange: Exchange, change: (res: Exchange['res']) => Exchange['res'] = (res) => res) => {
        const mine = change(await repeat(exchange));
        expect({ req: exchange.req, res: masker()(mine) }).toEqual({ req: exchange.req, res: masker()(expected(exchange)) });
    };

    for (const { name, instanceId, input } of [...wakes, waiting]) await start(name, instanceId, input);
    for (const [n, event] of ['A', 'B'].entries()) {
        await app.had(quick.instanceId, n + 1);
        await app.post(quick.instanceId, '/raiseEvent/wake', event);
    }
    await app.had(waiting.instanceId, 1);
    await check(early);
    await app.post(waiting.instanceId, '/raiseEvent/x', 2);
    await app.had(slow.instanceId, 4);
    await check(raised);
    await app.ended(slow.instanceId);
    await check(history);

    for (const { name, instanceId, input } of rest) if (name !== 'early') await start(name, instanceId, input);
    for (const { instanceId } of instances) await app.ended(instanceId);
    // The list is read from storage, where an end stands a moment after the engine knows of it.
    const ids = new Set(instances.map((i) => i.instanceId));
    await until(
        async () =>
            ((await repeat(listed)).body as { instanceId: string; runtimeStatus: string }[]).every(
                (i) => !ids.has(i.instanceId) || i.runtimeStatus !== 'Running',
            ),
        () => 'the list does not say that all have ended',
    );
    await check(listed);

    await start('chain', 'goldenchain', 1);
    await app.ended('goldenchain');
    for (const exchange of others) {
        // A signal is done with at once here: the entity is in the list already.
        const withoutSignalled = (res: Exchange['res']) => ({
            ...res,
            body: (res.body as { entityId: { key: string } }[]).filter((e) => e.entityId.key !== 'viaHttp'),
        });
        await check(exchange, /entities\?/.test(exchange.req.url) ? withoutSignalled : undefined);
        if (exchange.req.url.includes('/orchestrators/chain/goldenchain')) await app.ended('goldenchain');
    }
});
