import { isLimiterName, limiterOf } from '../../../src/core/limiter/name';

test.each<[url: string, name: string | null]>([
    ['https://api.example.com/customers/{id}', 'api.example.com'],
    ['https://api.example.com', 'api.example.com'],
    ['HTTPS://API.Example.COM/Path', 'api.example.com'],
    ['https://api.example.com:443/x', 'api.example.com'],
    ['http://api.example.com:80/x', 'api.example.com'],
    ['http://api.example.com:443/x', 'api.example.com:443'],
    ['https://api.example.com:080/x', 'api.example.com:80'],
    ['http://x:8080{/path}', 'x:8080'],
    ['http://x:8080{?page}', 'x:8080'],
    ['http://x?page={page}', 'x'],
    ['http://x#{fragment}', 'x'],
    ['http://user:secret@x:8080/y', 'x:8080'],
    ['http://[2001:DB8::1]:8080/x', '[2001:db8::1]:8080'],
    ['http://[2001:db8:0:0:0:0:0:1]/x', '[2001:db8::1]'],
    ['http://bücher.example/x', 'xn--bcher-kva.example'],
    ['http://127.1/x', '127.0.0.1'],
    // The item chooses the host, or a part of it.
    ['{+url}', null],
    ['https://{host}/x', null],
    ['https://{tenant}.example.com/x', null],
    ['https://api{.domain}/x', null],
    ['https://api.example.com{path}', null],
    ['https://api.example.com{+path}', null],
    ['https://api.example.com:{port}/x', null],
    ['{scheme}://api.example.com/x', null],
    // Called by nobody.
    ['ftp://api.example.com/x', null],
    ['http:///x', null],
    ['http://x:99999/', null],
    ['http://a b/', null],
    ['', null],
    [`http://${'a.'.repeat(110)}example/`, null],
])('calls to %s are counted by %s', (url, name) => {
    expect(limiterOf({ url })).toBe(name);
    expect(limiterOf({ url, limiter: 'Billing' })).toBe('Billing');
});

test('what calls no URL has the limiter that it names, and else none', () => {
    expect(limiterOf({})).toBeNull();
    expect(limiterOf({ limiter: 'Billing:eu' })).toBe('Billing:eu');
});

test('a name can stand in a path, and is that of a host too', () => {
    for (const name of ['a', 'Billing', 'api.example.com:8443', '[::1]:80', 'a_b-c', '...', 'x'.repeat(200)])
        expect([name, isLimiterName(name)]).toEqual([name, true]);
    for (const name of ['', '.', '..', 'a b', 'a/b', 'ä', 'a%2Fb', '{x}', 'a\n', 'x'.repeat(201)])
        expect([name, isLimiterName(name)]).toEqual([name, false]);
});
