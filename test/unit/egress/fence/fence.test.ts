// No call reaches what is closed, in whatever form it is named; and what only looks like it is called.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { kindOf } from '../../../../src/egress/fence/addresses';
import { Fence, type FenceOptions } from '../../../../src/egress/fence/fence';
import { targetRulesIn } from '../../../../src/egress/fence/targetRules';
import { sender, type OutgoingAnswer } from '../../../../src/egress/outgoing';
import { OutgoingError } from '../../../../src/egress/outgoingError';
import { Pools } from '../../../../src/egress/pools';
import { fenceSettings } from '../../../../src/settings';
import { testDns, type TestDns } from '../../../support/testDns';
import { closedIpv4, closedIpv6, harmlessAddresses, harmlessNames, ipv4Forms } from './corpus';

const closed: FenceOptions = { allowed: '', denied: '', own: [] };
const fence = (more: Partial<FenceOptions> = {}): Fence => new Fence({ ...closed, ...more });

/** Everything that is asked of the server that nobody may reach, whatever the name or address by which it came. */
const reached: string[] = [];
let server: Server;
let port: number;
/** The one host of the tests that may be called. */
let open: Server;
const OPEN = '127.0.0.2';

let dns: TestDns;

beforeAll(async () => {
    server = createServer((request, response) => {
        reached.push(`${request.headers.host}${request.url}`);
        response.end('a secret');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
    open = createServer((request, response) => {
        if (request.url === '/moved') return response.writeHead(302, { location: `http://127.0.0.1:${port}/` }).end();
        return response.end('open');
    });
    await new Promise<void>((resolve) => open.listen(port, OPEN, resolve));
    dns = await testDns({
        'open.test': () => [OPEN],
        'closed.test': () => ['127.0.0.1'],
        'closed6.test': () => ['::1'],
        'mapped.test': () => ['::ffff:127.0.0.1'],
        'metadata.test': () => ['169.254.169.254'],
        'platform.test': () => ['168.63.129.16'],
        'mixed.test': () => [OPEN, '127.0.0.1'],
        'mixed6.test': () => [OPEN, '::1'],
        'rebinds.test': (turn) => [turn === 0 ? OPEN : '127.0.0.1'],
        'rebinds-back.test': (turn) => [turn === 0 ? '127.0.0.1' : OPEN],
        'failing.test': () => null,
        'empty.test': () => [],
    });
});
afterAll(async () => {
    for (const one of [server, open]) {
        one.closeAllConnections();
        await new Promise((resolve) => one.close(resolve));
    }
    await dns.stop();
});
afterEach(() => expect(reached).toEqual([]));

/** What a call comes to: the code of its error, or its answer. */
async function call(url: string, more: Partial<FenceOptions> = {}, pools?: Pools): Promise<string | OutgoingAnswer> {
    const through = pools ?? new Pools(fence({ allowed: OPEN, ...more }), dns.resolve);
    try {
        return await sender(through)({ method: 'GET', url, headers: {}, timeoutMs: 5_000, maxBodyBytes: 1_000 });
    } catch (error) {
        if (error instanceof OutgoingError) return error.code;
        throw error;
    }
}

const attempts: [string, string][] = [
    ...closedIpv4.flatMap((address) =>
        Object.entries(ipv4Forms).map(([form, write]): [string, string] => [`${address} ${form}`, write(address)]),
    ),
    ...closedIpv6.map((address): [string, string] => [address, `[${address}]`]),
    ...[
        '127.1',
        '127.0.1',
        '0',
        '0x7f.1',
        '017700000001',
        '127.0.0.1..',
        '%6c%6f%63%61%6c%68%6f%73%74',
        'LOCALHOST',
        'ⓛocalhost',
        'localhost.',
    ].map((host): [string, string] => [host, host]),
    ...['[fe80::1%25lo]', '[::1%lo]', '[::ffff:7f00:1]', '[::ffff:0127.0.0.1]', '127.0.0.1\t', '127.0.0.1%00', '127.0.0.1\\@open.test'].map(
        (host): [string, string] => [JSON.stringify(host), host],
    ),
    ...['closed', 'closed6', 'mapped', 'metadata', 'platform', 'mixed', 'mixed6', 'rebinds-back'].map((name): [string, string] => [
        `a name: ${name}`,
        `${name}.test`,
    ]),
    ['a name in capitals', 'CLOSED.TEST'],
    ['a name with a dot at its end', 'closed.test.'],
];

test('there are more than two hundred attempts', () => expect(attempts.length).toBeGreaterThan(200));

test.each(attempts)('%s is not called', async (_what, host) => {
    expect(['TARGET_FORBIDDEN', 'BAD_URL', 'TARGET_UNRESOLVED']).toContain(await call(`http://${host}:${port}/`));
});

test.each(['ftp', 'file', 'gopher', 'ws', 'data', 'javascript', 'unix', 'dict'])('%s is no scheme to call', async (scheme) => {
    expect(await call(`${scheme}://127.0.0.1:${port}/`)).toBe('BAD_URL');
});

test('user and password are refused, whatever host seems to stand before them', async () => {
    for (const host of ['open.test', OPEN, '127.0.0.1'])
        for (const user of ['a@', 'a:b@', 'open.test@', `open.test:${port}@`, '%40@'])
            expect(await call(`http://${user}${host}:${port}/`)).toBe('BAD_URL');
});

test('https is held to the same', async () => {
    for (const host of ['127.0.0.1', '[::1]', 'closed.test']) expect(await call(`https://${host}:${port}/`)).toBe('TARGET_FORBIDDEN');
});

test('what is open is called, by its address and by a name of it', async () => {
    for (const host of [OPEN, 'open.test', 'OPEN.test', 'open.test.'])
        expect(await call(`http://${host}:${port}/`)).toMatchObject({ status: 200 });
});

test('a redirect is an answer: nobody follows it', async () => {
    expect(await call(`http://${OPEN}:${port}/moved`)).toMatchObject({ status: 302 });
});

test('a name that changes: a connection goes where was looked, and each new one is looked at anew', async () => {
    const pools = new Pools(fence({ allowed: OPEN }), dns.resolve);
    const url = `http://rebinds.test:${port}/`;
    expect(await call(url, {}, pools)).toMatchObject({ status: 200 });
    // By the connection that is there, which was looked at, or by a new one, which now leads elsewhere.
    for (let i = 0; i < 20; i++) {
        const answer = await call(url, {}, pools);
        if (typeof answer === 'string') expect(answer).toBe('TARGET_FORBIDDEN');
        else expect(answer.body.toString()).toBe('open');
    }
    expect(await call(url)).toBe('TARGET_FORBIDDEN');
});

test('a name that nobody has is unresolved; one that cannot be looked up just now is no connection, and tried again', async () => {
    for (const name of ['nobody.test', 'empty.test']) expect(await call(`http://${name}:${port}/`)).toBe('TARGET_UNRESOLVED');
    expect(await call(`http://failing.test:${port}/`)).toBe('CONNECTION');
    expect(new OutgoingError('TARGET_FORBIDDEN', '').retryable).toBe(false);
    expect(new OutgoingError('TARGET_UNRESOLVED', '').retryable).toBe(false);
});

test('what is refused says what kind of place it is, and not where', async () => {
    const said = fence().refusal('closed.test', port, ['10.1.2.3']);
    expect(said).toMatch(/private/);
    expect(said).not.toContain('10.1.2.3');
});

describe('what only looks like it', () => {
    test.each(harmlessAddresses)('%s is public', (address) => {
        expect(kindOf(address)).toBe('public');
        expect(fence().refusal(address, 443, [address])).toBeNull();
    });
    test.each(harmlessNames)('%s is a name like any other', (name) => expect(fence().refusal(name, 443, ['93.184.216.34'])).toBeNull());
});

describe('what an operator opens and closes', () => {
    const refuses = (more: Partial<FenceOptions>, host: string, addresses: string[], at = 443): boolean =>
        fence(more).refusal(host, at, addresses) !== null;

    test.each<[string, string, string[], number, boolean]>([
        ['erp.internal', 'erp.internal', ['10.0.0.7'], 443, true],
        ['ERP.internal.', 'erp.internal', ['10.0.0.7'], 443, true],
        ['*.internal', 'erp.internal', ['10.0.0.7'], 443, true],
        ['*.internal', 'internal', ['10.0.0.7'], 443, false],
        ['*.internal', 'notinternal', ['10.0.0.7'], 443, false],
        ['10.0.0.0/8', 'erp.internal', ['10.0.0.7'], 443, true],
        ['10.0.0.0/8', 'erp.internal', ['192.168.0.1'], 443, false],
        ['10.0.0.0/8', 'erp.internal', ['10.0.0.7', '192.168.0.1'], 443, false],
        ['10.0.0.0/8:8443', 'erp.internal', ['10.0.0.7'], 8443, true],
        ['10.0.0.0/8:8443', 'erp.internal', ['10.0.0.7'], 443, false],
        ['erp.internal:8443', 'erp.internal', ['10.0.0.7'], 443, false],
        ['10.0.0.7', '[::ffff:a00:7]', ['::ffff:a00:7'], 443, true],
        ['fd00::/8', 'six.internal', ['fd12::1'], 443, true],
        ['[fd00::]/8:8443', 'six.internal', ['fd12::1'], 8443, true],
        ['[fd00::/8]:8443', 'six.internal', ['fd12::1'], 443, false],
        ['erp.internal', 'erp.internal', ['169.254.169.254'], 443, false],
        ['erp.internal', 'erp.internal', ['168.63.129.16'], 443, false],
        ['169.254.169.254', '169.254.169.254', ['169.254.169.254'], 80, true],
        ['*', 'erp.internal', ['10.0.0.7'], 443, false],
        ['', 'erp.internal', ['10.0.0.7'], 443, false],
    ])('allowed "%s": %s at %j, port %i', (allowed, host, addresses, at, isCalled) => {
        expect(refuses({ allowed }, host, addresses, at)).toBe(!isCalled);
    });

    test.each<[string, string, string, string[], boolean]>([
        ['evil.example', '', 'evil.example', ['93.184.216.34'], false],
        ['*.example', '', 'evil.example', ['93.184.216.34'], false],
        ['93.184.216.0/24', '', 'evil.example', ['93.184.216.34'], false],
        ['93.184.216.0/24', '', '[::ffff:5db8:d822]', ['::ffff:5db8:d822'], false],
        ['evil.example:443', '', 'evil.example', ['93.184.216.34'], false],
        ['evil.example:80', '', 'evil.example', ['93.184.216.34'], true],
        ['evil.example', 'evil.example', 'evil.example', ['93.184.216.34'], false],
        ['*', '', 'any.example', ['93.184.216.34'], false],
        ['*', 'api.example', 'any.example', ['93.184.216.34'], false],
        ['*', 'api.example', 'api.example', ['93.184.216.34'], true],
        ['*', '93.184.216.0/24', 'api.example', ['93.184.216.34'], true],
        ['*', '93.184.216.0/24', 'api.example', ['93.184.216.34', '93.184.217.1'], false],
    ])('denied "%s", allowed "%s": %s at %j', (denied, allowed, host, addresses, isCalled) => {
        expect(refuses({ denied, allowed }, host, addresses)).toBe(!isCalled);
    });

    test('the app itself and its platform are closed, unless they are named', () => {
        const own = ['app.azurewebsites.net', 'app.scm.azurewebsites.net', '20.50.2.1:4141'];
        for (const host of ['app.azurewebsites.net', 'APP.azurewebsites.net.', 'app.scm.azurewebsites.net'])
            expect(refuses({ own }, host, ['20.50.2.9'])).toBe(true);
        expect(refuses({ own }, 'other.example', ['20.50.2.1'], 4141)).toBe(true);
        expect(refuses({ own }, 'other.azurewebsites.net', ['20.50.2.9'])).toBe(false);
        expect(refuses({ own, allowed: 'app.azurewebsites.net' }, 'app.azurewebsites.net', ['20.50.2.9'])).toBe(false);
    });

    test('the app itself is not opened by what means others: all hosts below one, a host without its port, an address, a name that leads to it', () => {
        const site = ['app.azurewebsites.net', '20.50.2.1:4141'];
        const below = { own: site, denied: '*', allowed: '*.azurewebsites.net,*.example' };
        expect(refuses(below, 'app.azurewebsites.net', ['20.50.2.9'])).toBe(true);
        expect(refuses(below, 'other.azurewebsites.net', ['20.50.2.9'])).toBe(false);
        expect(refuses(below, 'any.example', ['20.50.2.1'], 4141)).toBe(true);
        expect(refuses(below, 'any.example', ['20.50.2.1'], 4142)).toBe(false);
        const { own } = fenceSettings({ WEBSITE_HOSTNAME: 'localhost:7071' });
        const here = { own, allowed: 'localhost,127.0.0.0/8,[::1],*.test' };
        for (const [host, address] of [
            ['localhost', '127.0.0.1'],
            ['127.0.0.1', '127.0.0.1'],
            ['127.0.0.2', '127.0.0.2'],
            ['[::1]', '::1'],
            ['[::ffff:7f00:1]', '::ffff:7f00:1'],
            ['any.test', '127.0.0.1'],
        ] as const) {
            expect([host, refuses(here, host, [address], 7071)]).toEqual([host, true]);
            expect([host, refuses(here, host, [address], 7080)]).toEqual([host, false]);
        }
        expect(refuses({ own, allowed: 'localhost:7071' }, 'localhost', ['127.0.0.1'], 7071)).toBe(false);
    });

    test.each([
        'http://api.example',
        'api.example/path',
        '10.0.0.0/33',
        '10.0.0/8',
        'fd00::/129',
        'a.*.example',
        '*x.example',
        'a:0',
        'a:70000',
        '0x7f.1',
        'a b',
        'a/8',
        '::1:x',
    ])('"%s" is no entry, and matches nothing', (entry) => {
        expect(targetRulesIn(entry).wrong).toEqual([entry]);
        expect(refuses({ allowed: entry }, 'api.example', ['127.0.0.1'])).toBe(true);
    });

    test('`*` among what is allowed opens nothing, and is told', () => {
        const fence = new Fence({ allowed: 'a.example, *, *:80', denied: '*', own: [] });
        expect(fence.wrong).toEqual(['*']);
        expect(fence.refusal('b.example', 80, ['93.184.216.34'])).not.toBeNull();
    });
});
