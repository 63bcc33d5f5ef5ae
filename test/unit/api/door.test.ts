import fc from 'fast-check';
import { refuseBody, refuseOrigin, type Takes } from '../../../src/api/http/checkRequest';
import { routes } from '../../../src/api/routes';

const from = (headers: Record<string, string>, method = 'POST', allowed: string[] = []) =>
    refuseOrigin({ method, url: 'https://fan.example:7071/api/jobs', headers: new Headers(headers) }, allowed)?.code ?? null;
const body = (headers: Record<string, string>, takes: Takes = 'json') => refuseBody(new Headers(headers), takes)?.code ?? null;

describe('a page', () => {
    test('of this origin may, and so may who is no browser', () => {
        for (const headers of [
            {},
            { origin: 'https://fan.example:7071' },
            { origin: 'http://fan.example:7071' }, // TLS ends at a proxy
            { 'sec-fetch-site': 'same-origin', origin: 'https://through-a-proxy.example' },
            { 'sec-fetch-site': 'none' },
        ])
            expect([headers, from(headers as Record<string, string>)]).toEqual([headers, null]);
    });

    test.each([
        { origin: 'https://evil.example' },
        { origin: 'null' },
        { origin: 'https://fan.example' },
        { origin: 'http://localhost:3000' },
        { origin: 'not a URL' },
        { origin: '' },
        { 'sec-fetch-site': 'cross-site' },
        { 'sec-fetch-site': 'same-site', origin: 'https://fan.example:3000' },
        { 'sec-fetch-site': 'cross-site', origin: 'https://fan.example:7071' },
    ])('of another may not: %j', (headers) => {
        for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
            expect(from(headers as Record<string, string>, method)).toBe('FOREIGN_ORIGIN');
        // What only reads is kept from it by the browser, which does not show it the answer.
        for (const method of ['GET', 'HEAD', 'OPTIONS']) expect(from(headers as Record<string, string>, method)).toBeNull();
    });

    test('of an origin that the deployment allows may', () => {
        const allowed = ['https://console.example'];
        expect(from({ 'sec-fetch-site': 'cross-site', origin: 'https://console.example' }, 'POST', allowed)).toBeNull();
        expect(from({ origin: 'https://console.example' }, 'DELETE', allowed)).toBeNull();
        expect(from({ origin: 'https://console.example.evil.example' }, 'POST', allowed)).toBe('FOREIGN_ORIGIN');
        expect(from({ 'sec-fetch-site': 'cross-site' }, 'POST', allowed)).toBe('FOREIGN_ORIGIN');
    });
});

describe('a JSON document', () => {
    test.each([
        'application/json',
        'Application/JSON',
        'application/json; charset=utf-8',
        'application/json;charset="UTF-8"',
        'application/json;',
        'application/json; x=y',
    ])('comes as %s', (type) => {
        expect(body({ 'content-type': type })).toBeNull();
    });

    test.each([
        'text/plain',
        'text/plain; application/json',
        'application/x-www-form-urlencoded',
        'multipart/form-data',
        'application/json, text/plain',
        'application/jsonp',
        'application/json; charset=utf-16',
        'application/json; charset=latin1',
        'text/json',
        'x',
        '',
    ])('does not come as %j', (type) => {
        expect(body({ 'content-type': type })).toBe('UNSUPPORTED_MEDIA');
    });

    test('does not come without a type, which is how a page sends bytes without asking', () => {
        expect(body({})).toBe('UNSUPPORTED_MEDIA');
        expect(body({ 'content-length': '5' })).toBe('UNSUPPORTED_MEDIA');
    });

    test('never comes as one of the types that a page may send without asking, whatever their parameters', () => {
        const simple = fc.constantFrom('text/plain', 'multipart/form-data', 'application/x-www-form-urlencoded');
        fc.assert(
            fc.property(
                simple,
                fc.array(fc.constantFrom(';', ' ', 'application/json', 'charset=utf-8', ',', '"', '=', '\t')),
                (type, rest) => {
                    expect(body({ 'content-type': `${type};${rest.join('')}` })).toBe('UNSUPPORTED_MEDIA');
                },
            ),
        );
    });

    test('may be left out where a route reads none, and is JSON if it is there', () => {
        for (const headers of [
            {},
            { 'content-length': '0' },
            { 'content-length': '0', 'content-type': 'text/plain' },
            { 'content-length': '9', 'content-type': 'application/json' },
        ])
            expect([headers, body(headers as Record<string, string>, 'maybeJson')]).toEqual([headers, null]);
        for (const headers of [
            { 'content-length': '9' },
            { 'content-length': '9', 'content-type': 'text/plain' },
            { 'content-type': 'text/plain' },
        ])
            expect([headers, body(headers as Record<string, string>, 'maybeJson')]).toEqual([headers, 'UNSUPPORTED_MEDIA']);
    });

    test('the refusal says what to send', () => {
        expect(refuseBody(new Headers({ 'content-type': 'application/x-www-form-urlencoded' }), 'json')!.message).toContain(
            "-H 'content-type: application/json'",
        );
    });
});

test('every route that changes something takes JSON, or is an upload', () => {
    const changing = routes.filter((r) => r.methods.some((m) => !['GET', 'HEAD', 'OPTIONS'].includes(m)) && r.route !== '{*path}');
    for (const { name, route, takes } of changing)
        expect([name, takes ?? 'bytes']).toEqual([name, route.startsWith('uploads') ? 'bytes' : expect.stringMatching(/json|patch/i)]);
});
