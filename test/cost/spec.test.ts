// A body made to cost is refused, or taken, in the time that an ordinary one of its length takes, some times over.
import { specBounds } from '../../src/contracts/jobSpec';
import { readSpecText } from '../../src/application/specText';
import { timesAsLong } from '../support/timing';

const nest = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

const MB16 = 16 * 1024 * 1024;
/** An ordinary body of that size. */
const item = JSON.stringify({ id: 'customer-17', name: 'Customer', city: 'Paris', lat: 48.85, lon: 2.35, tags: ['a', 'b'] });
const ordinary = Buffer.from(`{"source":{"items":[${Array.from({ length: MB16 / (item.length + 1) - 10 }, () => item).join()}]}}`);
/** What the most expensive may take of it. Walked by a schema, the first takes three hundred times as long. */
const TIMES = 15;

test.each([
    ['millions of empty arrays as items', `{"source":{"items":[${'[],'.repeat(MB16 / 3 - 10)}[]]}}`, []],
    ['one item that is nothing but brackets', `{"source":{"items":[${nest(MB16 / 2 - 100)}]}}`, []],
    ['millions of tags', `{"tags":{${'"a":1,'.repeat(MB16 / 6 - 10)}"b":2}}`, ['']],
    ['millions of names', `{"tags":{${Array.from({ length: 900_000 }, (_, i) => `"n${i}":1`).join()}}}`, ['']],
    ['inline items, millions of times', `{"source":{${'"items":[],'.repeat(MB16 / 11 - 10)}"items":[1]}}`, ['']],
    ['nesting without end', `{"process":${nest(MB16 / 2 - 100)}}`, [`/process${'/0'.repeat(specBounds.depth - 1)}`]],
    ['one text of all the bytes', `{"name":"${'x'.repeat(MB16 - 100)}"}`, ['']],
    ['one name of all the bytes', `{"${'x'.repeat(MB16 - 100)}":1}`, ['', '']],
    ['one number of all the bytes', `{"name":1${'0'.repeat(MB16 - 100)}}`, ['', '/name']],
])('a body of %s costs little more than to be read', (_what, text, pointers) => {
    const body = Buffer.from(text);
    const { errors, items } = readSpecText(body);
    expect(errors.map((e) => e.pointer).slice(0, 2)).toEqual(pointers.length > 0 ? expect.arrayContaining(pointers) : []);
    if (pointers.length === 0) expect(items!.count).toBeGreaterThan(0);
    expect(
        timesAsLong(
            () => readSpecText(body),
            () => readSpecText(ordinary),
            TIMES,
        ),
    ).toBeLessThan(TIMES);
});
