import fc from 'fast-check';
import Papa from 'papaparse';
import type { Outcome } from '../../../src/items/outcomeLines';
import { CSV_HEADER, csvRecord, inert, spreadsheetRecord } from '../../../src/api/results/csv';
import { chooseFormat } from '../../../src/api/results/getResults';
import { isOutcome } from '../../../src/storage/lineReader';
import { runs } from '../../support/runs';

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
    expect(CSV_HEADER.trim().split(',')).toHaveLength(12);
    expect(csvRecord(outcome({ output: { a: 1 } }))).toBe('7,cust-7,succeeded,2,200,41,2026-01-01T00:00:00.000Z,,,"{""a"":1}",,\r\n');
    const failed = { ...outcome({ outcome: 'failed', error: { code: 'HTTP_STATUS', message: 'no, "really"\nnot' } }) };
    delete failed.status;
    expect(csvRecord(failed)).toBe('7,cust-7,failed,2,,41,2026-01-01T00:00:00.000Z,HTTP_STATUS,"no, ""really""\nnot",,,\r\n');
});

test('an output that was cut says so, and how long it was', () => {
    const cut = csvRecord(outcome({ output: 'the first', truncated: true, outputBytes: 70_000 }));
    expect(cut).toMatch(/,the first,true,70000\r\n$/);
    expect(csvRecord(outcome({ output: 'the whole' }))).toMatch(/,the whole,,\r\n$/);
});

describe('for a spreadsheet', () => {
    test.each([
        ['=1+1', "'=1+1"],
        ['+A1', "'+A1"],
        ["-2+3+cmd|' /C calc'!A0", "'-2+3+cmd|' /C calc'!A0"],
        ['@SUM(A1)', "'@SUM(A1)"],
        ['\t=1', "'\t'=1"],
        ['\r=1', "'\r'=1"],
        ['\tx', "'\tx"],
        ['  =1', "'  =1"],
        ['\u200b=1', "'\u200b=1"],
        ['\ufeff\u00a0=1', "'\ufeff\u00a0=1"],
        ['＝1', "'＝1"],
        ['\u0000=1', "'\u0000=1"],
        ['a;\u0001\v=1', "a;'\u0001\v=1"],
        ['a;=1', "a;'=1"],
        ['a\n=1', "a\n'=1"],
        ['a;"=1', 'a;\'"=1'],
        ['{"a":"x;=1"}', '{"a":"x;\'=1"}'],
        ['+33 6 12', "'+33 6 12"],
    ])('%j cannot be run', (text, shown) => {
        expect(inert(text)).toBe(shown);
    });

    test.each(['-5', '+5', '-0.5e-7', '-.5', '123', 'a=b', 'a - b', 'x@y.example', '', '2026-01-01', 'a;b', '{"a":-1}', '[-1]'])(
        '%j stays as it is',
        (text) => {
            expect(inert(text)).toBe(text);
        },
    );

    test('numbers stay numbers, and only texts are touched', () => {
        expect(spreadsheetRecord(outcome({ key: -3, output: -12.5 }))).toBe(
            '7,-3,succeeded,2,200,41,2026-01-01T00:00:00.000Z,,,-12.5,,\r\n',
        );
        const evil = spreadsheetRecord(
            outcome({ key: '=HYPERLINK("https://evil.example")', output: { a: '=1' }, error: { code: 'E', message: '@x' } }),
        );
        expect(evil).toBe(
            `7,"'=HYPERLINK(""https://evil.example"")",succeeded,2,200,41,2026-01-01T00:00:00.000Z,E,'@x,"{""a"":""=1""}",,\r\n`,
        );
        expect(csvRecord(outcome({ key: '=1' }))).toContain('7,=1,');
    });

    test('of any text, read with any usual separator, no cell begins a formula; what is taken out again is the text', () => {
        const unit = fc.constantFrom(
            '=',
            '+',
            '-',
            '@',
            '＝',
            ';',
            ',',
            '\t',
            '\r',
            '\n',
            '"',
            "'",
            ' ',
            '\u00a0',
            '\u200b',
            '\ufeff',
            'a',
            '1',
            '.',
            'e',
        );
        fc.assert(
            fc.property(fc.string({ unit, maxLength: 30 }), (text) => {
                const record = spreadsheetRecord(outcome({ key: text, output: `x${text}` }));
                const cells = [
                    ...Papa.parse<string[]>(record, { delimiter: ',', newline: '\r\n' }).data.flat(),
                    ...record.split(/[;\t\r\n]/),
                ];
                const begins = /^[\s"\p{Cf}]*[=+\-@＝＋－＠]/u;
                for (const cell of cells) if (begins.test(cell)) expect(Number.isNaN(Number(cell.trim()))).toBe(false);
                expect(inert(text).replaceAll("'", '')).toBe(text.replaceAll("'", ''));
            }),
            { numRuns: runs(3000) },
        );
    });
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
