import fc from 'fast-check';
import { goesTo, hostNames, secretsIn } from '../../../src/core/secrets';
import { runs } from '../../support/runs';

const hosts = (list: string, name = 'A') => secretsIn(list).get(name);

test('names with and without hosts; a name that has hosts is bound to them, however often it stands there', () => {
    expect([...secretsIn('A, B@api.example.com ,,C').keys()]).toEqual(['A', 'B', 'C']);
    expect(hosts('A')).toEqual([]);
    expect(hosts('A@API.example.com,A@[::1]:8080')).toEqual([
        { hostname: 'api.example.com', port: null },
        { hostname: '[::1]', port: 8080 },
    ]);
    expect(hostNames(hosts('A,A@x.example:8443,A@y.example')!)).toBe('x.example:8443, y.example');
});

test.each([
    '',
    ',',
    'a',
    'A@',
    'A@@x',
    'A@x@y',
    // Meant for somewhere that cannot be read: not for everywhere.
    'A,A@',
    'A,A@x@y',
    'A@x/y',
    'A@https://x',
    'A@x:port',
    'A@user:x',
    'A@x y',
    'A@x\\y',
    '1A',
    'A-B',
    '__proto__',
])('an entry that cannot be read lists nothing: %j', (list) => {
    expect([...secretsIn(list).keys()]).toEqual([]);
});

test('a host is compared as a URL has it: whole, in any spelling, with its port where the list says one', () => {
    const at = hosts('A@api.example.com')!;
    for (const url of [
        'https://api.example.com/x',
        'https://API.EXAMPLE.com',
        'http://api.example.com:8080/x?y#z',
        'https://api%2Eexample.com/',
    ])
        expect([url, goesTo(at, url)]).toEqual([url, true]);
    for (const url of [
        'https://api.example.com.evil.example',
        'https://evil.example/api.example.com',
        'https://xapi.example.com',
        'https://api.example.com@evil.example',
        'https://evil.example\\@api.example.com',
        'https://evil.example#@api.example.com',
        'api.example.com',
        '',
    ])
        expect([url, goesTo(at, url)]).toEqual([url, false]);
    const port = hosts('A@api.example.com:443')!;
    expect(goesTo(port, 'https://api.example.com/')).toBe(true);
    expect(goesTo(port, 'http://api.example.com/')).toBe(false);
    expect(goesTo(hosts('A@Ü.example')!, 'https://xn--tda.example/')).toBe(true);
    expect(goesTo([], 'https://anywhere.example')).toBe(true);
});

test('wherever a URL of random parts leads, a bound secret goes along only if it is its host', () => {
    const part = fc.constantFrom(
        'api.example.com',
        'evil.example',
        '@',
        ':',
        '/',
        '\\',
        '#',
        '?',
        '%2e',
        '%40',
        '.',
        'http:',
        'https:',
        '//',
        '8443',
        ' ',
        '\t',
        '[::1]',
    );
    fc.assert(
        fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
            const url = parts.join('');
            const leads = URL.canParse(url) && new URL(url).hostname === 'api.example.com';
            expect(goesTo(hosts('A@api.example.com')!, url)).toBe(leads);
        }),
        { numRuns: runs(2000) },
    );
});

test('a name whose only host cannot be read is not for every host because it stands there without one too', () => {
    expect(hosts('A, A@https://api.example.com')).toBeUndefined();
    expect(hosts('A@https://api.example.com, A, A@x.example')).toEqual([{ hostname: 'x.example', port: null }]);
});
