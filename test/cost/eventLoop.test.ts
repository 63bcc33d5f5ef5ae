// What comes from outside is gone through in stretches, whatever it is: between two of them other jobs have their turn.
import { asLines } from '../../src/application/inlineItems';
import { STRETCH } from '../../src/json/strictReader';
import { specTextOf } from '../../src/application/specText';
import { exactInStretches } from '../../src/json/exactJson';
import { looksLike, onOneLine } from '../../src/processors/answerJson';
import { readRows } from '../../src/sources/open';
import { inTurns, Rest, type Stretches } from '../../src/turns';

const MB4 = 4 * 1024 * 1024;
const nest = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);
const items = (text: string) => `{"source":{"items":${text}}}`;

/** How often the work stops, and what it gives; null where it throws. */
function stopsOf<T>(work: Stretches<T>): { stops: number; value: T | null } {
    for (let stops = 0; ; stops++) {
        try {
            const { done, value } = work.next();
            if (done) return { stops, value };
        } catch {
            return { stops, value: null };
        }
    }
}

/** Two in three of the stretches that there could be: a stretch ends where a value does. */
const often = (bytes: number) => (bytes / STRETCH) * 0.66;

describe('a posted body', () => {
    test.each([
        ['zeros', items(`[${'0,'.repeat(MB4 / 2)}0]`)],
        ['empty arrays', items(`[${'[],'.repeat(MB4 / 3)}0]`)],
        ['objects', items(`[${'{"a":1},'.repeat(MB4 / 8)}0]`)],
        ['one item that is nothing but brackets', items(`[${nest(MB4 / 2)}]`)],
        ['nesting where a spec may have none', `{"tags":${nest(MB4 / 2)}}`],
        ['more values than a spec may have', `{"tags":[${'0,'.repeat(MB4 / 2)}0]}`],
        ['what is no object', `[${'0,'.repeat(MB4 / 2)}0]`],
        ['what breaks off at its end', items(`[0${',0'.repeat(MB4 / 2)}`)],
    ])('of %s is read in stretches, and written so', (_what, text) => {
        const body = Buffer.from(text);
        const { stops, value } = stopsOf(specTextOf(body));
        expect(stops).toBeGreaterThan(often(body.length));
        if (value?.items) expect(stopsOf(asLines(value.items)).stops).toBeGreaterThan(often(value.items.text.length));
    });

    test('of an ordinary length is read without a stop', () => {
        expect(stopsOf(specTextOf(Buffer.from(items('[1,{"a":2},"b"]'))))).toMatchObject({ stops: 0, value: { items: { count: 3 } } });
    });

    test('that is broken behind millions of lines is told by its place', async () => {
        const body = Buffer.from(`${'\n'.repeat(MB4)}{"é":x`);
        await expect(inTurns(specTextOf(body))).rejects.toMatchObject({
            code: 'BAD_JSON',
            details: { line: MB4 + 1, column: 6, position: MB4 + 5 },
        });
    });
});

describe('a source', () => {
    async function* whole(text: string): AsyncGenerator<Buffer> {
        yield Buffer.from(text);
    }
    const columns = (count: number) => Array.from({ length: count }, (_, i) => `c${i}`).join();

    async function batches(text: string, ...[format, options]: [Parameters<typeof readRows>[1], Parameters<typeof readRows>[2]?]) {
        const sizes: number[] = [];
        for await (const rows of readRows(whole(text), format, options)) sizes.push(rows.length);
        return sizes;
    }

    test.each(['ndjson', 'json', 'csv'] as const)('of the smallest rows, in one chunk, comes in small batches: %s', async (format) => {
        const text = { ndjson: '0\n'.repeat(MB4 / 8), json: `[${'0,'.repeat(MB4 / 8)}0]`, csv: `a\n${'1\n'.repeat(MB4 / 8)}` }[format];
        const sizes = await batches(text, format);
        expect(sizes.length).toBeGreaterThan(10);
        expect(Math.max(...sizes)).toBeLessThanOrEqual(65_536);
    });

    test('of short rows that are filled up comes a few cells at once', async () => {
        const sizes = await batches(`${columns(30_000)}\n${'1\n'.repeat(12)}`, 'csv', { csv: { shortRows: 'fill' } });
        expect(sizes.reduce((a, b) => a + b)).toBe(12);
        expect(Math.max(...sizes)).toBeLessThanOrEqual(3);
    });

    test('whose columns alone make too large an item is refused by its header', async () => {
        await expect(batches(`${columns(100_000)}\n1\n`, 'csv', { csv: { shortRows: 'fill' } })).rejects.toMatchObject({
            code: 'CSV_HEADER',
        });
    });

    test('has no text parsed that cannot be an item', async () => {
        const parse = jest.spyOn(JSON, 'parse');
        try {
            const deep = nest(200_000);
            expect(await batches(`1\n${deep}\n2\n`, 'ndjson')).toEqual([3]);
            await batches(`[1,${deep},[${'1,'.repeat(1_000_000)}0],2]`, 'json');
            expect(Math.max(...parse.mock.calls.map(([text]) => text.length))).toBeLessThan(100);
        } finally {
            parse.mockRestore();
        }
    });
});

test('the event loop has its turn while work goes on, and what the work throws is thrown', async () => {
    let turns = 0;
    let goesOn = true;
    const turn = () => {
        turns++;
        if (goesOn) setImmediate(turn);
    };
    setImmediate(turn);
    function* work(): Stretches<void> {
        while (turns < 5) yield;
        throw new Error('at its end');
    }
    await expect(inTurns(work())).rejects.toThrow('at its end');
    goesOn = false;
    expect(turns).toBeGreaterThanOrEqual(5);
    expect(new Rest().isDue).toBe(false);
});

describe('an answer', () => {
    test('that is nothing but brackets is not parsed', async () => {
        const parse = jest.spyOn(JSON, 'parse');
        try {
            await expect(looksLike(nest(MB4 / 2))).resolves.toBe('tooDeep');
            expect(parse).not.toHaveBeenCalled();
        } finally {
            parse.mockRestore();
        }
    });

    test.each([
        ['numbers', `[${'1,'.repeat(300_000)}0]`],
        ['empty arrays', `[${'[],'.repeat(300_000)}0]`],
        ['objects of different fields', `[${Array.from({ length: 100_000 }, (_, i) => `{"k${i}":1}`).join()}]`],
        ['fields', `{${Array.from({ length: 100_000 }, (_, i) => `"k${i}":1`).join()}}`],
    ])('of %s is parsed in stretches', (_what, text) => {
        const { stops, value } = stopsOf(exactInStretches(text));
        expect(stops).toBeGreaterThan(40);
        expect(value).toEqual(JSON.parse(text));
    });

    test('of five million escapes is put on one line', () => {
        const text = `"${'\\n'.repeat(5_000_000)}"`;
        expect(onOneLine(`\n[ ${text} ,\r\n"a b"]`)).toBe(`[${text},"a b"]`);
    });
});
