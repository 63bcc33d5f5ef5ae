import fc from 'fast-check';
import Papa from 'papaparse';
import type { Outcome } from '../../../src/core/outcome';
import { CSV_HEADER, csvRecord } from '../../../src/http/csv';
import { chooseFormat, isOutcome } from '../../../src/http/results';

const outcome = (over: Partial<Outcome> = {}): Outcome => ({
    index: 7,
    outcome: 'succeeded',
    key: 'cust-7',
    attempts: 2,
    status: 200,
    ms: 41,
    at: '2026-01-01T00:00:00.000Z',
    ...over,
});

test('a success and a failure fill the columns that the header names', () => {
    expect(CSV_HEADER.trim().split(',')).toHaveLength(10);
    expect(csvRecord(outcome({ output: { a: 1 } }))).toBe('7,cust-7,succeeded,2,200,41,2026-01-01T00:00:00.000Z,,,"{""a"":1}"\r\n');
    const failed = { ...outcome({ outcome: 'failed', error: { code: 'HTTP_STATUS', message: 'no, "really"\nnot' } }) };
    delete failed.status;
    expect(csvRecord(failed)).toBe('7,cust-7,failed,2,,41,2026-01-01T00:00:00.000Z,HTTP_STATUS,"no, ""really""\nnot",\r\n');
});

test('any text comes back as it was from a CSV reader', () => {
    fc.assert(
        fc.property(
            fc.string({ unit: 'grapheme', minLength: 1 }),
            fc.string({ unit: fc.constantFrom('"', ',', '\r', '\n', ' ', 'a', '=') }),
            (key, output) => {
                const read = Papa.parse<string[]>(CSV_HEADER + csvRecord(outcome({ key, output })), { delimiter: ',', newline: '\r\n' })
                    .data[1]!;
                expect([read[1], read[9]]).toEqual([key, output]);
            },
        ),
    );
});

test('the format follows ?format, then Accept by its weights; what we do not have is 406', () => {
    expect(chooseFormat('csv', 'application/x-ndjson')).toBe('csv');
    expect(chooseFormat(undefined, null)).toBe('ndjson');
    expect(chooseFormat(undefined, 'application/x-ndjson;q=0.5, text/csv')).toBe('csv');
    expect(chooseFormat(undefined, 'text/html, */*;q=0.1')).toBe('ndjson');
    expect(() => chooseFormat(undefined, 'image/png')).toThrow(/image\/png/);
});

test('only outcome lines are results', () => {
    const lines = ['{"index":1,"outcome":"succeeded"}', '{"attempt":1,"index":1}', '{"fence":3}', '{"trying":[1]}', ''];
    expect(lines.filter((line) => isOutcome(Buffer.from(line)))).toEqual([lines[0]]);
});
