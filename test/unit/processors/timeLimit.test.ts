import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inTime, Late, overdueAttempts, TimedContext } from '../../../src/processors/timeLimit';
import type { ProcessorResult } from '../../../src/processors/processor';

const ok: ProcessorResult = { ok: true };

test('what ends in time is what it comes to', async () => {
    expect(await inTime(1_000, async () => ok)).toBe(ok);
    await expect(inTime(1_000, async () => Promise.reject(new Error('x')))).rejects.toThrow('x');
});

test('what does not end has failed, to be tried again, and is told; what it comes to later means nothing', async () => {
    let late: Late | null = null;
    let reject: (error: Error) => void = () => undefined;
    const result = await inTime(10, (l) => {
        late = l;
        return new Promise((_resolve, no) => (reject = no));
    });
    expect(result).toMatchObject({ ok: false, error: { code: 'TIMEOUT', retryable: true } });
    expect(late!.signal.aborted).toBe(true);
    reject(new Error('too late')); // an unhandled rejection would end the test
});

test('who listens before the time is up hears it', async () => {
    const heard = await new Promise<boolean>((resolve) => {
        inTime(10, (late) => {
            late.signal.addEventListener('abort', () => resolve(true));
            return new Promise(() => undefined);
        }).catch(() => resolve(false));
    });
    expect(heard).toBe(true);
});

test('an attempt whose time was up is counted for as long as it still runs', async () => {
    const before = overdueAttempts();
    let end: (result: ProcessorResult) => void = () => undefined;
    await inTime(10, () => new Promise((resolve) => (end = resolve)));
    expect(overdueAttempts()).toBe(before + 1);
    end(ok);
    await new Promise(setImmediate);
    expect(overdueAttempts()).toBe(before);
});

test('one that throws before it has made a promise has failed, and leaves no timer', async () => {
    const pending = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = pending();
    const throws = () => {
        throw new Error('at once');
    };
    await expect(inTime(60_000, throws)).rejects.toThrow('at once');
    expect(pending()).toBe(before);
});

test('a call that brings a signal of its own is broken off by either', async () => {
    const target = createServer(() => undefined);
    target.listen(0, '127.0.0.1');
    await once(target, 'listening');
    const url = `http://127.0.0.1:${(target.address() as AddressInfo).port}/`;
    const given = { jobId: 'j', index: 0, key: 0, attempt: 1, idempotencyKey: 'j:0', maxOutputBytes: 10 };
    const call = (late: Late, signal?: AbortSignal) =>
        new TimedContext(given, late).send({
            method: 'GET',
            url,
            headers: {},
            timeoutMs: 60_000,
            maxBodyBytes: 10,
            ...(signal ? { signal } : {}),
        });
    try {
        const [late, own] = [new Late(), new AbortController()];
        const calls = [call(late, new AbortController().signal), call(late), call(new Late(), own.signal)];
        late.tell();
        own.abort();
        for (const one of calls) await expect(one).rejects.toMatchObject({ code: 'TIMEOUT' });
    } finally {
        target.closeAllConnections();
        target.close();
    }
});

test('what is no Unicode text is not sent as another: neither URL nor body', async () => {
    const context = new TimedContext({ jobId: 'j', index: 0, key: 0, attempt: 1, idempotencyKey: 'j:0', maxOutputBytes: 1 }, new Late());
    const call = (url: string, body: string) =>
        context.send({ method: 'POST', url, headers: {}, body, timeoutMs: 5_000, maxBodyBytes: 1 }).catch((error: unknown) => error);
    const refused = { code: 'LONE_SURROGATE', retryable: false };
    expect(await call('http://127.0.0.1:1/\ud800', '')).toMatchObject(refused);
    expect(await call('http://127.0.0.1:1/?q=\udc00x', '')).toMatchObject(refused);
    expect(await call('http://127.0.0.1:1/', 'x\ud83d')).toMatchObject(refused);
    // Nobody listens there: what is a text is called.
    expect(await call('http://127.0.0.1:1/😀', '😀')).toMatchObject({ code: 'CONNECTION' });
});
