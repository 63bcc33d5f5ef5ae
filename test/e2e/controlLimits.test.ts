// What may change while a job runs: PATCH, and when it is in force.
import type { ObservedTarget } from '../support/observedTarget';
import { until } from '../support/until';
import { BITES_MS, called, paused, pointersOf, seen, specOf, WAKES_MS } from './controlSupport';
import { api, ended, expectConserved, job, move, observe, past, patch, start, timeline, useHost, type Job } from './support';

useHost();

/** Calls that were open at once, at most, of those that began in this time. */
const mostOpen = (target: ObservedTarget, from: number, to = Infinity) => Math.max(0, ...target.between(from, to).map(({ open }) => open));

describe('the limits of a job that stands still', () => {
    let id: string;
    let standing: Job;
    beforeAll(async () => {
        ({ standing } = await paused(1_000));
        ({ id } = standing);
    });
    afterAll(() => move(id, 'cancel'));

    test.each<[string, string | object, string[]]>([
        ['no calls at once', { concurrency: { max: 0 } }, ['/concurrency/max']],
        ['513 calls at once', { concurrency: { max: 513 } }, ['/concurrency/max']],
        ['half a call at once', { concurrency: { max: 0.5 } }, ['/concurrency/max']],
        ['a number as a text', { concurrency: { max: '8' } }, ['/concurrency/max']],
        ['a number for an object', { concurrency: 8 }, ['/concurrency']],
        ['an unknown field in one that is known', { concurrency: { most: 8 } }, ['/concurrency/most']],
        ['21 attempts', { retry: { attempts: 21 } }, ['/retry/attempts']],
        ['a pause that is none', { retry: { initialDelay: 'soon' } }, ['/retry/initialDelay']],
        ['a deadline that is none', { deadline: 'tomorrow' }, ['/deadline']],
        ['a deadline without a time zone', { deadline: '2099-01-01T00:00:00' }, ['/deadline']],
        ['a deadline that is over', { deadline: '2020-01-01T00:00:00Z' }, ['/deadline']],
        ['no window', { calling: { windows: [] } }, ['/calling/windows']],
        ['a window that is none', { calling: { windows: ['Mon', 'noon'] } }, ['/calling/windows/1']],
        ['an unknown time zone', { calling: { windows: ['Mon'], timeZone: 'Mars/Olympus' } }, ['/calling/timeZone']],
        ['a time zone without windows', { calling: { timeZone: 'Europe/Paris' } }, ['/calling/windows']],
        ['a rate that is none', { rate: ['50/s', 'fast'] }, ['/rate/1']],
        ['two rates of one length', { rate: ['50/s', '5/1s'] }, ['/rate/1']],
        ['an outage of a second', { outage: { giveUpAfter: 'PT1S' } }, ['/outage/giveUpAfter']],
        ['what cannot change', { name: 'other', partition: { items: 1 } }, ['/name', '/partition']],
        ['an empty reason', { reason: '', concurrency: { max: 4 } }, ['/reason']],
        ['a reason of 501 characters', { reason: 'x'.repeat(501) }, ['/reason']],
        ['the name __proto__', '{"__proto__":{"concurrency":{"max":1}}}', ['/__proto__']],
        ['the name __proto__ within', '{"concurrency":{"__proto__":{"max":1}}}', ['/concurrency/__proto__']],
        ['a list', [], ['']],
        ['a number', '7', ['']],
        [
            'several faults',
            { concurrency: { max: 0 }, retry: { attempts: 0 }, colour: 1 },
            ['/colour', '/concurrency/max', '/retry/attempts'],
        ],
    ])('are not changed by %s', async (_what, asked, pointers) => {
        for (const type of ['application/merge-patch+json', 'application/json']) {
            const { status, said } = await patch(id, asked, { 'content-type': type });
            expect([status, said.code, pointersOf(said)]).toEqual([400, 'BAD_SPEC', pointers]);
        }
        expect(await job(id)).toMatchObject({ limits: standing.limits });
    });

    test('are not changed by what is no JSON, or is not said to be, or comes from elsewhere, or is of no job', async () => {
        expect(await patch(id, '{"concurrency":')).toMatchObject({ status: 400, said: { code: 'BAD_JSON' } });
        for (const type of ['text/plain', 'application/json-patch+json', 'application/merge-patch+json; charset=latin1'])
            expect(await patch(id, {}, { 'content-type': type })).toMatchObject({ status: 415, said: { code: 'UNSUPPORTED_MEDIA' } });
        expect((await api(`/jobs/${id}`, { method: 'PATCH' })).status).toBe(415);
        const foreign = await patch(id, {}, { 'content-type': 'application/json', origin: 'https://evil.example' });
        expect(foreign).toMatchObject({ status: 403, said: { code: 'FOREIGN_ORIGIN' } });
        expect(await patch(id, { reason: 'x'.repeat(70_000) })).toMatchObject({ status: 413, said: { code: 'TOO_LARGE' } });
        expect(await patch('none', {})).toMatchObject({ status: 404, said: { code: 'JOB_NOT_FOUND' } });
        expect(await job(id)).toMatchObject({ limits: standing.limits });
    });

    test('are merged, shown at once, and told of; the same again changes nothing', async () => {
        const retunes = async () => (await timeline(id)).filter(({ kind }) => kind === 'retune');
        const before = (await retunes()).length;
        for (const nothing of [{}, { reason: 'no change' }, { concurrency: { max: 1 } }, { deadline: null }])
            expect(await patch(id, nothing)).toMatchObject({ status: 200, said: { limits: standing.limits } });
        expect(await retunes()).toHaveLength(before);

        const asked = { concurrency: { max: 40 }, retry: { attempts: 7, maxDelay: 'PT1M' }, deadline: 'PT2H', reason: 'r'.repeat(500) };
        const changed = await patch(id, asked);
        const limits = {
            concurrency: { max: 40, adaptive: true },
            retry: { ...standing.limits.retry, attempts: 7, maxDelay: 'PT1M' },
            deadline: 'PT2H',
            deadlineAt: new Date(Date.parse(standing.createdAt) + 7_200_000).toISOString(),
        };
        expect(changed).toMatchObject({ status: 200, said: { state: 'paused', limits } });
        expect(await patch(id, asked, { 'content-type': 'application/json' })).toMatchObject({ status: 200, said: { limits } });
        expect(await retunes()).toHaveLength(before + 1);
        expect((await retunes()).at(-1)).toMatchObject({
            reason: asked.reason,
            changes: [
                { field: '/concurrency/max', from: 1, to: 40 },
                { field: '/retry/attempts', from: 5, to: 7 },
                { field: '/retry/maxDelay', from: 'PT10M', to: 'PT1M' },
                { field: '/deadline', from: null, to: 'PT2H' },
            ],
        });
        await seen(id, 'waiting until its deadline', ({ waiting }) => waiting?.until === limits.deadlineAt);

        // Null takes away: what has a default has that again.
        const back = await patch(id, { concurrency: null, retry: null, deadline: null });
        const { retry, outage } = standing.limits;
        expect(back.said.limits).toEqual({ concurrency: { max: 64, adaptive: true }, retry, outage });
        await seen(id, 'waiting for somebody', ({ waiting }) => waiting?.until === null);
    });
});

describe('calls in flight', () => {
    test('are fewer, and more, within two seconds of a change, also fewer than there are workers', async () => {
        const target = await observe({ latencyMs: 250 });
        const j = await start(specOf(target, 2_500, { concurrency: { max: 128, adaptive: false }, partition: { items: 100 } }));
        await until(
            () => target.open() === 128,
            () => `there are ${target.open()} calls in flight`,
        );
        const down = await patch(j.id, { concurrency: { max: 2 } });
        expect(down).toMatchObject({ status: 200, said: { limits: { concurrency: { max: 2, adaptive: false } } } });
        const lowered = Date.now() + BITES_MS;
        await past(lowered + 1_500);
        expect(mostOpen(target, lowered)).toBe(2);

        // Slices may see it before the answer is here.
        const asked = Date.now();
        expect((await patch(j.id, { concurrency: { max: 60 } })).status).toBe(200);
        // Four workers have the shares of four until the round ends: two workers come after them.
        await until(
            () => target.open() === 60,
            () => `there are ${target.open()} calls in flight`,
            BITES_MS,
        );
        const end = await ended(j.id);
        expect(mostOpen(target, lowered, asked)).toBe(2);
        expect(mostOpen(target, asked)).toBe(60);
        expect(end).toMatchObject({ state: 'completed', counts: { succeeded: 2_500 } });
        expect(new Set(target.calls.map(({ key }) => key)).size).toBe(target.calls.length);
        await expectConserved(end);
    });

    test('are fewer also in later slices, and for other workers', async () => {
        const target = await observe({ latencyMs: 150 });
        const j = await start(specOf(target, 900, { concurrency: { max: 1 }, partition: { items: 30 } }));
        await called(target, 3);
        expect((await patch(j.id, { concurrency: { max: 70 } })).status).toBe(200);
        await until(
            () => target.open() === 70,
            () => `there are ${target.open()} calls in flight`,
            WAKES_MS + BITES_MS,
        );
        expect(await ended(j.id)).toMatchObject({ state: 'completed', counts: { succeeded: 900 } });
        expect(mostOpen(target, 0)).toBe(70);
    });
});

test('fewer attempts end items that would be tried again', async () => {
    const target = await observe({ latencyMs: 5, status: 500 });
    const retry = { attempts: 20, initialDelay: 'PT1S', maxDelay: 'PT1S' };
    const j = await start(specOf(target, 20, { retry }));
    await called(target, 25);
    expect(await patch(j.id, { retry: { attempts: 1 } })).toMatchObject({
        status: 200,
        said: { limits: { retry: { ...retry, attempts: 1 } } },
    });
    const accepted = Date.now();
    const end = await ended(j.id);
    expect(end).toMatchObject({ state: 'completed', outcome: 'partial', counts: { failed: 20, retries: target.calls.length - 20 } });
    // In force within two seconds, the next attempt of each was its last.
    const late = target.between(accepted + BITES_MS, Infinity).map(({ key }) => key);
    expect(new Set(late).size).toBe(late.length);
    await expectConserved(end);
});
