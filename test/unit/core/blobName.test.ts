import { ContainerClient } from '@azure/storage-blob';
import fc from 'fast-check';
import { prefixesIn, wrongInBlobName, wrongInSourceName } from '../../../src/core/blobName';
import { parseSpec } from '../../../src/contracts/jobSpec';
import { blobName, withCheckedNames } from '../../../src/storage/names';
import { anyCharacter } from '../../support/anyCharacter';
import { runs } from '../../support/runs';

describe('the name of a blob', () => {
    test.each([
        ['x/../jobs/1/spec.json', 'has the part ".."'],
        ['../other-container/file', 'has the part ".."'],
        ['inbox/..', 'has the part ".."'],
        ['./inbox/a.csv', 'has the part "."'],
        ['inbox/./a.csv', 'has the part "."'],
        ['', 'empty'],
        ['/inbox/a.csv', 'begins with a slash'],
        ['inbox/', 'ends with a slash'],
        ['inbox//a.csv', 'an empty part'],
        ['inbox/a./b', 'ends with a dot'],
        ['inbox/...', 'ends with a dot'],
        ['inbox\\a.csv', 'a backslash'],
        ['inbox/..\\..\\jobs', 'a backslash'],
        ['inbox/a\u0000.csv', 'a control character'],
        ['inbox/a.csv\n', 'a control character'],
        ['inbox/\u0081', 'a control character'],
        ['inbox/\ufffe', 'no character'],
        ['inbox/\ud800', 'half a surrogate pair'],
        ['inbox/a\udc00b', 'half a surrogate pair'],
        ['inbox/%2e%2e/jobs/1/spec.json', 'percent-encoded'],
        ['inbox/.%2E/a', 'percent-encoded'],
        ['inbox%2f%2fa', 'percent-encoded'],
        ['inbox/a%5Cb', 'percent-encoded'],
        ['inbox/%252e%252e/a', 'percent-encoded'],
        ['inbox/%25252E%25252e/a', 'percent-encoded'],
        ['inbox/a%00', 'percent-encoded'],
        ['x'.repeat(1025), 'longer than 1024'],
        [`${'x/'.repeat(254)}x`, 'more than 254 parts'],
    ])('is not %j', (name, why) => {
        expect(wrongInBlobName(name)).toContain(why);
        expect(() => blobName(name)).toThrow('is not the name of a blob');
    });

    test.each([
        'inbox/customers.csv',
        'a',
        'inbox/Größe 2026 (final) + ‘x’.csv',
        'inbox/100%.csv',
        'inbox/a%20b',
        'x/..a/.b',
        'in/👩‍🚀.json',
        'x'.repeat(1024),
    ])('may be %j', (name) => {
        expect(blobName(name)).toBe(name);
    });
});

// What URLs and storage treat in ways of their own, and what stands beside it in names that are fine.
const piece = fc.oneof(
    {
        weight: 3,
        arbitrary: fc.constantFrom(
            '.',
            '..',
            '/',
            '//',
            '\\',
            '%',
            '%2e',
            '%2E',
            '%2f',
            '%5c',
            '%00',
            '%25',
            '%252e',
            ' ',
            '\t',
            '\n',
            '?',
            '#',
            '\0',
            '\ud83d',
            '\ude00',
            '\ufeff',
            'jobs',
            'inbox/',
        ),
    },
    { weight: 2, arbitrary: fc.string({ maxLength: 4 }) },
    { weight: 1, arbitrary: fc.string({ unit: anyCharacter, maxLength: 4 }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)) },
);
const anyName = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));
const bases = ['https://account.blob.core.windows.net/data', 'http://127.0.0.1:10000/devstoreaccount1/data'];

describe('a container whose names are checked', () => {
    test.each(bases)('at %s: any text is read as the blob of that name in that container, or not at all', (base) => {
        const checked = withCheckedNames(new ContainerClient(base));
        fc.assert(
            fc.property(
                anyName,
                fc.constantFrom('getBlobClient', 'getBlockBlobClient', 'getAppendBlobClient', 'getPageBlobClient'),
                (name, get) => {
                    let url: string;
                    try {
                        url = checked[get as 'getBlobClient'](name).url;
                    } catch (error) {
                        expect((error as Error).name).toBe('BadBlobName');
                        expect(wrongInBlobName(name)).not.toBeNull();
                        return;
                    }
                    // As whoever answers the request reads it.
                    expect(decodeURIComponent(new URL(url).pathname)).toBe(`${new URL(base).pathname}/${name}`);
                    expect(new URL(url).search + new URL(url).hash).toBe('');
                },
            ),
            { numRuns: runs(3000) },
        );
    });

    test('the container that was given stays as it was; without the check, names lead elsewhere', () => {
        const plain = new ContainerClient(bases[1]!);
        const checked = withCheckedNames(plain);
        expect(() => checked.getBlobClient('../other/file')).toThrow('is not the name of a blob');
        expect(plain.getBlobClient('../other/file').url).toBe('http://127.0.0.1:10000/devstoreaccount1/other/file');
        expect([checked.url, checked.containerName]).toEqual([plain.url, 'data']);
    });

    test('a client that has made another name of it is refused, whatever the rules let through', () => {
        const container = Object.assign(Object.create(new ContainerClient(bases[0]!)) as ContainerClient, {
            getBlobClient: () => new ContainerClient(bases[0]!).getBlobClient('jobs/x'),
        });
        expect(() => withCheckedNames(container).getBlobClient('inbox/x')).toThrow('data/jobs/x');
    });
});

describe('a source', () => {
    test('begins with a prefix that the deployment allows, as a folder and not as letters', () => {
        const allowed = prefixesIn('inbox/, team/drop');
        expect(wrongInSourceName('inbox/a.csv', allowed)).toBeNull();
        expect(wrongInSourceName('team/drop/2026/a.csv', allowed)).toBeNull();
        for (const name of ['in/a.csv', 'inboxes/a.csv', 'inbox', 'Inbox/a.csv', 'team/a.csv', 'team/dropped.csv'])
            expect(wrongInSourceName(name, allowed)).toContain('does not begin with inbox/ or team/drop/');
        expect(wrongInSourceName('inbox/a.csv', [])).toContain('no blob');
    });

    test('is never one of Fanfold’s own blobs, whatever the deployment allows', () => {
        for (const own of ['jobs/1/spec.json', 'uploads/1', 'index/1', 'idempotency/1'])
            expect(wrongInSourceName(own, prefixesIn('jobs,uploads,index,idempotency,inbox'))).toContain('own blobs');
    });

    test('of any text: what is allowed is under an allowed prefix when it is read', () => {
        fc.assert(
            fc.property(anyName, (rest) => {
                const name = `inbox/${rest}`;
                if (wrongInSourceName(name, ['inbox/']) !== null) return;
                expect(new URL(`https://a.example/data/${name.split('/').map(encodeURIComponent).join('/')}`).pathname).toMatch(
                    /^\/data\/inbox\/[^/]/,
                );
            }),
            { numRuns: runs(3000) },
        );
    });

    test('that no blob can be named by is refused where it stands', () => {
        const parsed = parseSpec({ source: { blob: 'inbox/../jobs/1/spec.json' }, process: { processor: 'digest' } });
        expect(parsed).toMatchObject({ ok: false, errors: [{ pointer: '/source/blob', message: expect.stringContaining('".."') }] });
    });
});
