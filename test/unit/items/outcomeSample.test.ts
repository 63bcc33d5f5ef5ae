// One outcome to look at: as the results have it, but for what is long in it.
import { outcomeLine, readOutcome, type Outcome } from '../../../src/items/outcomeLines';
import { SAMPLE_BYTES, outcomeSample } from '../../../src/items/outcomeSample';

const head = { index: 7, outcome: 'succeeded', key: 'k', attempts: 1, status: 200, ms: 12, at: '2026-12-01T06:00:00.000Z' } as const;
/** The sample of an outcome that was recorded so. */
const sampleOf = (more: Partial<Outcome>, outputJson?: string): string =>
    outcomeSample(readOutcome(outcomeLine({ ...head, ...more }, outputJson).trimEnd()));
const parsed = (text: string) => JSON.parse(text) as Outcome & { output: string };

test('a short outcome is the line itself, to the last digit', () => {
    for (const output of [
        '{"id":9007199254740993,"price":1.10,"far":1e400}',
        '"text"',
        'null',
        '[]',
        '{"output":",\\"output\\":"}',
        undefined,
    ]) {
        const line = outcomeLine(head, output).trimEnd();
        expect(outcomeSample(readOutcome(line))).toBe(line);
    }
    const line = '{"index":3,"outcome":"succeeded","key":123456789012345678901,"attempts":2,"ms":5,"at":"T","output":-0.10}';
    expect(outcomeSample(readOutcome(line))).toBe(line);
});

test('an output that is too long becomes the first of its text, with the bytes of the whole', () => {
    const list = JSON.stringify(Array.from({ length: 1_000 }, (_, i) => i));
    const sample = parsed(sampleOf({}, list));
    expect(sample).toMatchObject({ truncated: true, outputBytes: list.length });
    expect(list.startsWith(sample.output)).toBe(true);
    expect(sample.output.length).toBe(1_998);
    const text = 'é'.repeat(40_000);
    expect(parsed(sampleOf({}, JSON.stringify(text)))).toMatchObject({ truncated: true, outputBytes: 80_000 });
});

test('of an output that was cut when it was recorded, the bytes of the whole stay', () => {
    const sample = parsed(sampleOf({ truncated: true, outputBytes: 5_000_000 }, JSON.stringify('x'.repeat(65_536))));
    expect(sample).toMatchObject({ truncated: true, outputBytes: 5_000_000 });
});

test('whatever is in it, it is JSON of a bounded size, and no pair of surrogates is cut in two', () => {
    const characters = ['x', 'é', '世', '😀', '"', '\\', '\n', '\u0001', '\u2028'];
    for (const character of characters)
        for (const length of [10, 500, 1_999, 2_000, 100_000]) {
            const text = character.repeat(length);
            const message = text.slice(0, 5_000);
            const error = { code: 'HTTP_STATUS', message, retryable: true };
            for (const output of [JSON.stringify(text), JSON.stringify({ [text]: text })]) {
                const sample = sampleOf({ outcome: 'failed', error, key: text.slice(0, 1_024) }, output);
                const { key, ...rest } = parsed(sample);
                expect(Buffer.byteLength(sample) - Buffer.byteLength(JSON.stringify(key))).toBeLessThanOrEqual(SAMPLE_BYTES);
                expect(rest.error!.message.length).toBeLessThanOrEqual(1_000);
                expect(message.startsWith(rest.error!.message)).toBe(true);
                expect(/\p{Surrogate}/u.test(sample)).toBe(false);
            }
        }
});
