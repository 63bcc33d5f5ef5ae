// Objects of very many fields are many times as dear to go through as lists: their steps say so.
import { compileExpression, evaluate } from '../../src/expressions/jmespath';
import { timesAsLong } from '../support/timing';

const fields = (count: number, name = 'k') => Object.fromEntries(Array.from({ length: count }, (_, i) => [name + i, i]));
const many = (text: string, times: number) => Array.from({ length: times }, () => text).join();
const large = fields(70_000);
const numbers = Array.from({ length: 100_000 }, (_, i) => i);
const lists = [numbers, numbers];
const text = 'y'.repeat(1_000_000);

/** An expression of a fifth of all steps: about as long as a filter over a hundred thousand numbers takes. */
const ordinary = compileExpression('length(@[?@ >= `0`])');
const TIMES = 30;

test.each<[string, string, unknown]>([
    ['keys', `[${many('keys(@)', 200)}]`, large],
    ['values', `[${many('values(@)', 200)}]`, large],
    ['values, projected', `[${many('*', 200)}]`, large],
    ['whether it is empty', `[${many('!@', 500)}]`, large],
    ['merging with itself', `[${many('merge(@,@)', 200)}]`, large],
    [
        'merging a thousand others',
        'merge(' + many('@[0],@[1],@[2],@[3]', 100) + ')',
        Array.from({ length: 4 }, (_, i) => fields(900, `n${i}_`)),
    ],
    ['writing it down', `[${many('@', 200)}]`, large],
    ['a long text sought in itself', `[${many('contains(@,@)', 200)}]`, text],
    ['lists made flat', `[${many('[]', 500)}]`, lists],
])('%s is broken off while an ordinary expression is evaluated some times', (_what, expression, value) => {
    const compiled = compileExpression(expression);
    const work = () => expect(() => evaluate(compiled, value)).toThrow(/takes more than 1000000 steps/);
    expect(timesAsLong(work, () => evaluate(ordinary, numbers), TIMES)).toBeLessThanOrEqual(TIMES);
});

test('an object of a thousand fields, and fifty thousand small ones, have room', () => {
    expect(evaluate(compileExpression('length(keys(@))'), fields(1_000))).toBe(1_000);
    const small = Array.from({ length: 50_000 }, (_, id) => ({ id, name: 'x' }));
    expect(evaluate(compileExpression('length([?name == `"x"`].values(@))'), small)).toBe(50_000);
    expect(evaluate(compileExpression('length(keys(@))'), large)).toBe(70_000);
});
