import { fileName, fromDisposition } from '../../../src/api/uploads/fileName';
import { partitionOf } from '../../../src/application/readItem';
import { methodsOf, routes } from '../../../src/api/routes';
import { parseMetadata } from '../../../src/api/uploads/uploadMetadata';

test('every function has its own name, and no path and method stand twice', () => {
    expect(new Set(routes.map((r) => r.name)).size).toBe(routes.length);
    const pairs = routes.flatMap((r) => r.methods.map((m) => `${m} ${r.route}`));
    expect(new Set(pairs).size).toBe(pairs.length);
});

test('a path knows its methods; another has none', () => {
    expect(methodsOf('jobs')).toEqual(['POST', 'GET']);
    expect(methodsOf('jobs/abc/cancel')).toEqual(['POST']);
    expect(methodsOf('Jobs/abc/CANCEL')).toEqual(['POST']);
    expect(methodsOf('uploads/x')).toEqual(['GET', 'HEAD', 'PATCH', 'DELETE', 'POST', 'OPTIONS']);
    expect(methodsOf('jobs/abc/nothing')).toEqual([]);
    expect(methodsOf('')).toEqual([]);
});

test('the partition of an index is found at both of its ends', () => {
    const plan = {
        partitions: [
            { offset: 0, bytes: 1, items: 3, firstIndex: 0 },
            { offset: 1, bytes: 1, items: 3, firstIndex: 3 },
            { offset: 2, bytes: 1, items: 1, firstIndex: 6 },
        ],
    };
    expect([0, 2, 3, 5, 6].map((i) => partitionOf(plan, i))).toEqual([0, 0, 1, 1, 2]);
});

test('the name of an upload is a file name, never a path', () => {
    expect(fileName('../../etc/a.csv')).toBe('a.csv');
    expect(fileName('C:\\x\\b.json')).toBe('b.json');
    expect(fileName('')).toBeUndefined();
    expect(fileName('a\r\nb\u202e.csv')).toBe('ab.csv');
    expect(fileName(`${'a'.repeat(254)}😀.csv`)).toBe('a'.repeat(254));
    expect(fromDisposition('attachment; filename="x \\"1\\".csv"')).toBe('x "1".csv');
    expect(fromDisposition("attachment; filename=plain.csv; filename*=UTF-8''na%C3%AFve.csv")).toBe('naïve.csv');
    expect(fromDisposition("attachment; filename*=UTF-8''%zz")).toBeUndefined();
    expect(fromDisposition(null)).toBeUndefined();
});

test('Upload-Metadata is read as tus writes it and refused otherwise', () => {
    expect([...parseMetadata('filename YS5jc3Y=,is_confidential')]).toEqual([
        ['filename', 'a.csv'],
        ['is_confidential', ''],
    ]);
    expect(parseMetadata(undefined).size).toBe(0);
    expect(() => parseMetadata('filename a b')).toThrow(/Upload-Metadata/);
});
