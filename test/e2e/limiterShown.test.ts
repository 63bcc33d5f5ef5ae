// What a limiter and an item show while a target is asked too much: the gate, its scouts, what was learned, a window that is used up.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Limiter } from '../../src/client';
import { until } from '../support/until';
import { seenLimiter, specOf } from './controlSupport';
import { client, ended, move, observe, start, testAtOnce, useHost } from './support';

useHost();

type Answer = [status: number, headers?: Record<string, string>];

/** A target that answers its call number `n`, from 0, as is said. */
async function answering(how: (n: number) => Answer): Promise<{ url: string; name: string; stop: () => Promise<void> }> {
    let calls = 0;
    const server = createServer((request, response) => {
        request.resume();
        const [status, headers = {}] = how(calls++);
        response.writeHead(status, { 'content-type': 'application/json', ...headers }).end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const name = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    return {
        name,
        url: `http://${name}`,
        stop: () =>
            new Promise((resolve) => {
                server.close(() => resolve());
                server.closeAllConnections();
            }),
    };
}

const spec = (url: string, items: number) => ({
    source: { items: Array.from({ length: items }, (_, id) => ({ id })) },
    ...{ process: { http: { url: `${url}/x` } }, key: 'id', concurrency: { max: 2, adaptive: false } },
});

const kindsOf = ({ log }: Limiter): string[] => log.map(({ kind }) => kind);

testAtOnce('a gate is shown while it is closed, and so is the item that waits for it; setting the limiter opens the gate', async () => {
    const target = await answering(() => [429, { 'retry-after': '90' }]);
    try {
        const { id } = await start(spec(target.url, 3));
        const { gate } = await seenLimiter(
            target.name,
            'closed',
            (limiter) => limiter.gate.state === 'closed' && limiter.gate.scoutAt !== null,
        );
        expect(Date.parse(gate.until!) - Date.parse(gate.since!)).toBeGreaterThan(80_000);
        const waiting = await until(
            async () => {
                const item = await client().getItem(id, 0);
                return item.held ? item : null;
            },
            () => 'the item does not say that it waits',
        );
        expect(waiting).toMatchObject({ state: 'waiting', held: { throttled: expect.any(Number), waitedMs: expect.any(Number) } });
        expect(Date.parse(waiting.held!.retryAt)).toBeGreaterThan(Date.parse(waiting.held!.since));
        expect(await client().setLimiter(target.name, {})).toMatchObject({ gate: { state: 'open', until: null } });
        await move(id, 'cancel');
        expect(await ended(id)).toMatchObject({ state: 'cancelled', counts: { cancelled: 3, retries: 0 } });
    } finally {
        await target.stop();
    }
});

testAtOnce(
    'a scout that comes through shows that the target asks for more than it needs; what it refuses then, and says of its quota, is learned',
    async () => {
        const quota = { 'x-ratelimit-limit': '100000', 'x-ratelimit-remaining': '50000', 'x-ratelimit-reset': '600' };
        const target = await answering((n) => (n < 2 ? [429, { 'retry-after': '90' }] : n >= 10 && n < 14 ? [429] : [200, quota]));
        try {
            const { id } = await start(spec(target.url, 60));
            const scouted = await seenLimiter(
                target.name,
                'scouted',
                (limiter) => limiter.overstates !== null && limiter.rate.hinted !== null,
            );
            expect(kindsOf(scouted)).toEqual(expect.arrayContaining(['gateClosed', 'scouted']));
            const learned = await seenLimiter(target.name, 'what refusals have taught', (limiter) => kindsOf(limiter).includes('refused'));
            expect(learned.rate.learned).toBeGreaterThan(0);
            expect(await ended(id)).toMatchObject({ outcome: 'succeeded', counts: { succeeded: 60 } });
        } finally {
            await target.stop();
        }
    },
);

testAtOnce('a window that is used up says when the next call is free', async () => {
    const target = await observe({ latencyMs: 5 });
    const name = new URL(target.url).host;
    await client().setLimiter(name, { rate: ['2/min'] });
    const { id } = await start(specOf(target, 4));
    const [used] = (await seenLimiter(name, 'used up', ({ windows: [its] }) => its?.freeAt !== null && its?.left === 0)).windows;
    expect(used!.used + used!.held).toBe(2);
    await move(id, 'cancel');
    const end = await ended(id);
    expect(end.state).toBe('cancelled');
    expect(end.counts.succeeded).toBeLessThanOrEqual(2);
});
