// What a message costs is bounded, whatever a target puts into it.
import { FailureKinds } from '../../src/items/fingerprint';
import { messagePattern } from '../../src/items/messagePattern';
import { timesAsLong } from '../support/timing';

const TIMES = 20;
const ordinary = 'HTTP 404: {"error":"no city c17 near \\"Paris\\"","user":"alice","left":3} and so on, as answers do. '
    .repeat(6)
    .slice(0, 500);

const many = (work: () => unknown, times: number) => () => {
    for (let i = 0; i < times; i++) work();
};

test.each([
    ['quotes that nobody closes', '“'],
    ['quotes of another kind', '«a '],
    ['apostrophes that open', " 'a"],
    ['apostrophes within words', "'a"],
    ['quotes and backslashes', '"\\'],
    ['texts of JSON', '{"a":"'],
    ['brackets', '[{'],
    ['the beginnings of URLs', 'http:/'],
    ['URLs', 'a://'],
    ['dots', '.'],
    ['colons', ':'],
    ['parts of addresses', 'a:'],
    ['parts of hosts', 'a.'],
    ['signs of mail', 'a@'],
    ['one long word', 'a'],
    ['one long number', '1'],
    ['blanks', ' \n'],
    ['slashes', '/1'],
    ['equals signs', '1='],
    ['escapes of JSON', '{"error":"\\u0022'],
    ['dates', 'Mon, 30 Nov GMT'],
])('%s take as long as an ordinary message', (_what, piece) => {
    const hostile = piece.repeat(500).slice(0, 500);
    const cost = timesAsLong(
        many(() => messagePattern(hostile), 500),
        many(() => messagePattern(ordinary), 500),
        TIMES,
    );
    expect(cost).toBeLessThanOrEqual(TIMES);
});

test('of a message of a million characters no more is looked at than of one of five hundred', () => {
    const long = `${ordinary}${'“a '.repeat(333_333)}`;
    const finder = new FailureKinds();
    let n = 0;
    const of = (message: string) => () => finder.of({ code: `X${n++}`, status: null, message });
    // Without the cut it takes some thousand times as long.
    expect(timesAsLong(many(of(long), 300), many(of(ordinary), 300), TIMES)).toBeLessThanOrEqual(TIMES);
});

test('a message that came before costs next to nothing', () => {
    const finder = new FailureKinds();
    let n = 0;
    const fresh = () => finder.of({ code: 'X', status: null, message: `${ordinary.slice(0, 480)} ${n++}` });
    const known = () => finder.of({ code: 'X', status: null, message: ordinary });
    expect(timesAsLong(many(known, 3_000), many(fresh, 3_000), 0.7)).toBeLessThan(0.7);
});
