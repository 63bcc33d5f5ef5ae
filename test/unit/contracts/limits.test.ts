// Rate, limiter and outage: as a spec has them, as a patch changes them, and where older documents lack them.
import { checkLimiter } from '../../../src/application/checkSpec';
import { mergeLimits } from '../../../src/application/mergeLimits';
import * as documents from '../../../src/contracts/documents';
import { limiterOfJob } from '../../../src/contracts/jobSpec';
import { limitsOf, newControl, retuned, type Limits } from '../../../src/core/control';
import type { Problem } from '../../../src/core/errors';
import { specsLike } from '../../support/specs';

const http = { http: { url: 'https://API.example.com:8443/{id}' } };
const minimal = { source: { items: [1] }, process: http };

const { specOf, errorsOf } = specsLike(minimal);

describe('a spec', () => {
    test.each<[rate: unknown, stored: string[]]>([
        ['50/s', ['50/s']],
        ['50/1s', ['50/s']],
        ['100/60s', ['100/min']],
        ['1/7day', ['1/7day']],
        [
            ['50/s', '1000/min', '10000/day'],
            ['50/s', '1000/min', '10000/day'],
        ],
        [
            ['1/s', '2/2s', '3/3s', '4/4s', '5/5s'],
            ['1/s', '2/2s', '3/3s', '4/4s', '5/5s'],
        ],
    ])('with the rate %j has %j', (rate, stored) => {
        expect(specOf({ rate }).rate).toEqual(stored);
    });

    test.each<[rate: unknown, pointers: string[]]>([
        ['fast', ['/rate']],
        ['0/s', ['/rate']],
        ['', ['/rate']],
        [50, ['/rate']],
        [null, ['/rate']],
        [{ max: '50/s' }, ['/rate']],
        [[], ['/rate']],
        [['50/s', 'fast'], ['/rate/1']],
        [
            ['fast', 5, null, '1/s'],
            ['/rate/0', '/rate/1', '/rate/2'],
        ],
        [
            ['50/s', '3000/min', '40/1s', '1/60s'],
            ['/rate/2', '/rate/3'],
        ],
        [['1/s', '2/2s', '3/3s', '4/4s', '5/5s', '6/6s'], ['/rate']],
    ])('is refused with the rate %j, and told where and what is allowed', (rate, pointers) => {
        const errors = errorsOf({ rate });
        expect(errors.map(({ pointer }) => pointer)).toEqual(pointers);
        for (const { message } of errors) expect(message).toContain('allowed is ');
    });

    test('without any of them has none, but for how long an outage may last', () => {
        expect(specOf({})).toMatchObject({ outage: { giveUpAfter: 'P3D' } });
        expect(specOf({})).not.toHaveProperty('rate');
        expect(specOf({})).not.toHaveProperty('limiter');
        expect(specOf({ outage: { giveUpAfter: 'PT1M' } }).outage).toEqual({ giveUpAfter: 'PT1M' });
    });

    test.each([
        [{ outage: { giveUpAfter: 'PT59S' } }, '/outage/giveUpAfter'],
        [{ outage: { giveUpAfter: 'P31D' } }, '/outage/giveUpAfter'],
        [{ outage: { giveUpAfter: 'soon' } }, '/outage/giveUpAfter'],
        [{ outage: { after: 'P1D' } }, '/outage/after'],
        [{ outage: 'P1D' }, '/outage'],
        [{ limiter: 'a b' }, '/limiter'],
        [{ limiter: '' }, '/limiter'],
        [{ limiter: 'x'.repeat(201) }, '/limiter'],
        [{ limiter: null }, '/limiter'],
        [{ retry: { initialDelay: 'P8D' } }, '/retry/initialDelay'],
        [{ retry: { maxDelay: 'P31D' } }, '/retry/maxDelay'],
    ])('is refused with %j', (more, pointer) => {
        expect(errorsOf(more).map((error) => error.pointer)).toEqual([pointer]);
    });

    test('may have milliseconds and days in one retry policy', () => {
        expect(specOf({ retry: { initialDelay: 'PT0.05S', maxDelay: 'P30D' } }).retry).toMatchObject({ maxDelay: 'P30D' });
        expect(specOf({ retry: { initialDelay: 'P7D', maxDelay: 'PT0.001S' } }).retry).toMatchObject({ initialDelay: 'P7D' });
    });

    test('is counted by the limiter that it names, as it is written, else by the host', () => {
        expect(limiterOfJob(specOf({}))).toBe('api.example.com:8443');
        expect(limiterOfJob(specOf({ limiter: 'Billing:EU' }))).toBe('Billing:EU');
        expect(limiterOfJob(specOf({ process: { processor: 'digest' } }))).toBeNull();
    });

    test('with a rate that nobody would count is refused', () => {
        const uncounted = [{ processor: 'digest' }, { http: { url: '{+url}' } }, { http: { url: 'https://{host}/x' } }];
        for (const process of uncounted) {
            const [error, ...others] = checkLimiter(specOf({ process, rate: '50/s' }));
            expect(others).toEqual([]);
            expect(error).toMatchObject({ pointer: '/limiter', message: expect.stringMatching(/^missing: .*, name one$/) as string });
            expect(checkLimiter(specOf({ process }))).toEqual([]);
            expect(checkLimiter(specOf({ process, rate: '50/s', limiter: 'shared' }))).toEqual([]);
        }
        expect(checkLimiter(specOf({ rate: '50/s' }))).toEqual([]);
    });
});

describe('a patch', () => {
    const NOW = Date.parse('2026-12-01T00:00:00Z');
    const jobOf = (more: object = {}): documents.StoredJob => {
        return { id: 'j', createdAt: new Date(NOW).toISOString(), spec: { ...specOf(more), source: { inline: 1 } } };
    };
    const patched = (patch: Record<string, unknown>, more: object = {}): Limits => {
        const job = jobOf(more);
        return mergeLimits(limitsOf(job.spec, newControl()), patch, job, NOW);
    };
    const refused = (patch: Record<string, unknown>, more: object = {}): string[] => {
        try {
            patched(patch, more);
            return [];
        } catch (error) {
            return (error as Problem).details.errors!.map(({ pointer }) => pointer);
        }
    };

    test('replaces a rate as a whole, or takes it away', () => {
        const rate = ['50/s', '1000/min'];
        expect(patched({ rate: '20/1s' }, { rate }).rate).toEqual(['20/s']);
        expect(patched({ rate: ['5/s', '7/h'] }).rate).toEqual(['5/s', '7/h']);
        expect(patched({ rate: null }, { rate }).rate).toBeUndefined();
        expect(patched({}, { rate }).rate).toEqual(rate);
    });

    test('changes how long an outage may last; null takes it back to its default', () => {
        expect(patched({ outage: { giveUpAfter: 'PT2H' } }).outage).toEqual({ giveUpAfter: 'PT2H' });
        expect(patched({ outage: null }, { outage: { giveUpAfter: 'PT2H' } }).outage).toEqual({ giveUpAfter: 'P3D' });
    });

    test.each<[Record<string, unknown>, string[]]>([
        [{ rate: 'fast' }, ['/rate']],
        [{ rate: ['5/s', '6/s'] }, ['/rate/1']],
        [{ rate: { max: 5 } }, ['/rate']],
        [{ rate: { max: null } }, ['/rate']],
        [{ outage: { giveUpAfter: 'PT1S' } }, ['/outage/giveUpAfter']],
        [{ outage: { after: null } }, ['/outage/after']],
        [{ limiter: 'other' }, ['/limiter']],
    ])('%j is refused', (patch, pointers) => {
        expect(refused(patch)).toEqual(pointers);
    });

    test('cannot give a rate to a job that has no limiter, and changes its other limits', () => {
        const process = { processor: 'digest' };
        expect(refused({ rate: '5/s' }, { process })).toEqual(['/rate']);
        expect(refused({ rate: null }, { process })).toEqual([]);
        expect(patched({ rate: '5/s' }, { process, limiter: 'shared' }).rate).toEqual(['5/s']);
        expect(patched({ concurrency: { max: 3 } }, { process }).concurrency.max).toBe(3);
    });

    test('is told in the timeline: a rate as a whole, of an outage its field', () => {
        const { spec } = jobOf({ rate: ['50/s', '1000/min'] });
        const asked = { by: 'api', at: NOW };
        const control = retuned(
            newControl(),
            spec,
            { ...limitsOf(spec, newControl()), rate: ['20/s'], outage: { giveUpAfter: 'P1D' } },
            asked,
        )!;
        expect(control.changes.first).toMatchObject([
            {
                changes: [
                    { field: '/rate', from: ['50/s', '1000/min'], to: ['20/s'] },
                    { field: '/outage/giveUpAfter', from: 'P3D', to: 'P1D' },
                ],
            },
        ]);
        const read = documents.controlDocument.read(JSON.parse(JSON.stringify(documents.controlDocument.write(control))));
        expect(limitsOf(spec, read)).toMatchObject({ rate: ['20/s'], outage: { giveUpAfter: 'P1D' } });
        const without = retuned(read, spec, { ...limitsOf(spec, read), rate: undefined }, asked)!;
        expect(limitsOf(spec, documents.controlDocument.read(documents.controlDocument.write(without))).rate).toBeUndefined();
    });
});

describe('what is stored', () => {
    test('comes back with its rate, its limiter and its outage', () => {
        const spec = { ...specOf({ rate: '50/s', limiter: 'Shared', outage: { giveUpAfter: 'PT1H' } }), source: { inline: 1 } };
        const job = { id: 'j', createdAt: 'T', spec };
        expect(documents.jobDocument.read(JSON.parse(JSON.stringify(documents.jobDocument.write(job))))).toEqual(job);
    });

    test('of a job with a canary or a budget is read by no version that would call everything without looking at them; of others, by all', () => {
        const written = (more: object) =>
            documents.jobDocument.write({ id: 'j', createdAt: 'T', spec: { ...specOf(more), source: { inline: 1 } } }).v;
        expect(written({})).toBe(1);
        expect(written({ canary: { items: 5 } })).toBe(2);
        expect(written({ budget: { failures: 5 } })).toBe(2);
    });

    test('by a version before has no rate, gives up after three days, and has the limiter of its host', () => {
        const older = { ...specOf({}), source: { inline: 1 }, outage: undefined };
        const { spec } = documents.jobDocument.read(JSON.parse(JSON.stringify({ id: 'j', createdAt: 'T', spec: older })));
        expect(limitsOf(spec, newControl())).toMatchObject({ rate: undefined, outage: { giveUpAfter: 'P3D' } });
        expect(limiterOfJob(spec)).toBe('api.example.com:8443');
        expect(documents.controlDocument.read(documents.controlDocument.write(newControl())).limits).toEqual({});
    });
});
