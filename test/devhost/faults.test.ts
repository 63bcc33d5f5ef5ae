// The faults themselves: that a plan does what it says, and does the same again.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { Faults, faultyStorage, readPlan, type FaultPlan, type FaultRule } from '../../devhost/faults';

const strikes = (plan: FaultPlan, names: string[]) => {
    const faults = new Faults(plan);
    return names.map((name) => faults.strike('activity', name)?.do ?? '-');
};
const half: FaultRule = { at: 'activity', match: 'a', do: 'zombie', rate: 0.5 };

describe('a plan', () => {
    test('strikes the same occasions again with the same seed, others with another, whatever happens between', () => {
        const plan = { seed: 7, rules: [half, { ...half, match: 'b', do: 'delay' as const }] };
        const alone = strikes(plan, Array<string>(40).fill('a'));
        expect(new Set(alone)).toEqual(new Set(['zombie', '-']));
        const mixed = strikes(
            plan,
            Array.from({ length: 80 }, (_, i) => 'ab'[i % 2]!),
        );
        expect(mixed.filter((_, i) => i % 2 === 0)).toEqual(alone);
        expect(strikes({ ...plan, seed: 8 }, Array<string>(40).fill('a'))).not.toEqual(alone);
    });

    test('strikes the n-th time, and every time without a rate', () => {
        const nth = { ...half, rate: undefined, nth: 2 } as unknown as FaultRule;
        expect(strikes({ rules: [nth] }, ['a', 'x', 'a', 'a'])).toEqual(['-', '-', 'zombie', '-']);
        expect(strikes({ rules: [{ at: 'activity', do: 'twice' }] }, ['a', 'x'])).toEqual(['twice', 'twice']);
    });

    test('crashes the process in its first lives only, so that something comes to an end', () => {
        const plan: FaultPlan = { rules: [{ at: 'point', match: 'append', do: 'crash', nth: 2, lives: 2 }] };
        const struck = (life: number) => {
            const faults = new Faults(plan, life);
            return ['append.begun', 'call.begun', 'append.done'].map((point) => faults.strike('point', point)?.do ?? '-');
        };
        expect([struck(1), struck(2), struck(3)]).toEqual([
            ['-', '-', 'crash'],
            ['-', '-', 'crash'],
            ['-', '-', '-'],
        ]);
    });

    test('that cannot be is refused, by rule', () => {
        expect(() => readPlan('{')).toThrow('neither a JSON file nor JSON');
        expect(() => readPlan('{"rules":[{"at":"timer","do":"early"},{"at":"timer","do":"zombie"}]}')).toThrow(
            'rule 1 of the fault plan cannot do "zombie" at "timer"',
        );
        expect(() => readPlan('{"rules":[{"at":"storage","do":"fail","status":200}]}')).toThrow(
            'rule 0 of the fault plan cannot fail with 200',
        );
        expect(readPlan(undefined)).toBeNull();
    });
});

describe('storage', () => {
    let done: string[];
    let storage: http.Server;
    const agents: http.Agent[] = [];
    beforeEach(async () => {
        done = [];
        storage = http.createServer((req, res) => {
            done.push(`${req.method} ${req.url}`);
            req.resume().on('end', () => res.writeHead(201).end(req.url!.startsWith('/empty') ? undefined : 'stored'));
        });
        await new Promise<void>((resolve) => storage.listen(0, '127.0.0.1', resolve));
    });
    afterEach(async () => {
        for (const agent of agents.splice(0)) agent.destroy();
        storage.closeAllConnections();
        await new Promise((resolve) => storage.close(resolve));
    });

    /** Status of a PUT through the faults, or the code of the error that it ended with. */
    async function through(...rules: FaultRule[]): Promise<(path: string) => Promise<number | string>> {
        const port = await faultyStorage((storage.address() as AddressInfo).port, new Faults({ rules }));
        const agent = new http.Agent();
        agents.push(agent);
        return (path) =>
            new Promise((resolve) => {
                const broke = (error: NodeJS.ErrnoException) => resolve(error.code!);
                const answered = (res: http.IncomingMessage) =>
                    res
                        .resume()
                        .on('error', broke)
                        .on('end', () => resolve(res.statusCode!));
                http.request({ port, path, method: 'PUT', agent }, answered).on('error', broke).end('body');
            });
    }
    const at = 'storage';

    test.each([403, 404, 409, 412, 500, 503])('a request fails with %i before it is done', async (status) => {
        const put = await through({ at, match: '/a', do: 'fail', status });
        expect([await put('/a'), await put('/b')]).toEqual([status, 201]);
        expect(done).toEqual(['PUT /b']);
    });

    test('a request is reset before it is done; or done, and its answer lost', async () => {
        const put = await through({ at, match: '/a', do: 'fail' }, { at, match: '/b', do: 'lose' });
        expect([await put('/a'), await put('/b'), await put('/c')]).toEqual(['ECONNRESET', 'ECONNRESET', 201]);
        expect(done).toEqual(['PUT /b', 'PUT /c']);
    });

    test('a request is done and its answer ends in the middle, of its body or, without one, of its head', async () => {
        const put = await through({ at, match: '/a', do: 'cut' });
        expect([await put('/a'), await put('/empty/a'), await put('/c')]).toEqual(['ECONNRESET', 'ECONNRESET', 201]);
        expect(done).toEqual(['PUT /a', 'PUT /empty/a', 'PUT /c']);
    });

    test('a request is never answered, nor done; another is held, and no other with it', async () => {
        const put = await through({ at, match: '/a', do: 'never' }, { at, match: '/b', do: 'hold', ms: 300 });
        const ends: string[] = [];
        const pending = put('/a').then(() => ends.push('/a'));
        await Promise.all(['/b', '/c'].map((path) => put(path).then(() => ends.push(path))));
        expect(ends).toEqual(['/c', '/b']);
        expect(done).toEqual(['PUT /c', 'PUT /b']);
        for (const agent of agents) agent.destroy();
        await pending;
    });

    test('a pause holds all requests for as long as it says', async () => {
        const put = await through({ at, do: 'pause', ms: 300, nth: 1 });
        const began = Date.now();
        expect(await Promise.all([put('/a'), put('/b')])).toEqual([201, 201]);
        expect(Date.now() - began).toBeGreaterThanOrEqual(299);
    });
});
