import { createHash } from 'node:crypto';
import { attemptLine, outcomeLine } from '../../../src/items/outcomeLines';
import { OutcomesTally } from '../../../src/storage/outcomesTally';

const at = '2026-11-01T00:00:00.000Z';
const outcome = (index: number, kind: 'succeeded' | 'failed', attempts = 1): string =>
    outcomeLine({ index, outcome: kind, key: index, attempts, ms: 1, at });
const retried = attemptLine({ attempt: 1, index: 1, at, ms: 1, error: { code: 'TIMEOUT', message: 'late' }, retryAt: at });
const whole = outcome(0, 'succeeded') + retried + outcome(1, 'failed', 3);

/** The text in pieces of so many bytes. */
async function* cut(text: string, size: number): AsyncGenerator<Buffer> {
    const bytes = Buffer.from(text);
    for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

async function tallied(text: string, { countTorn = false, size = 7 } = {}) {
    const tally = new OutcomesTally(countTorn);
    const indexes: number[] = [];
    await tally.read(cut(text, size), (head) => indexes.push(head.index));
    return { tally, indexes };
}

test.each([1, 7, 10_000])('outcomes are counted and all bytes digested, in reads of %i bytes', async (size) => {
    const { tally, indexes } = await tallied(whole, { size });
    expect(indexes).toEqual([0, 1]);
    expect(tally).toMatchObject({ bytes: Buffer.byteLength(whole), outcomes: 2, torn: false });
    expect(tally.counts).toMatchObject({ succeeded: 1, failed: 1, retries: 2 });
    expect(tally.sha256()).toBe(createHash('sha256').update(whole).digest('hex'));
});

test('a torn last line counts for the fold and not for a verification; both see that it is torn', async () => {
    const torn = whole + outcome(2, 'succeeded').slice(0, -5);
    const fold = await tallied(torn, { countTorn: true });
    const verification = await tallied(torn);
    expect([fold.indexes, fold.tally.torn]).toEqual([[0, 1, 2], true]);
    expect([verification.indexes, verification.tally.torn]).toEqual([[0, 1], true]);
    expect(verification.tally.sha256()).toBe(fold.tally.sha256());
});

test('an item that is recorded twice counts twice', async () => {
    const { tally, indexes } = await tallied(whole + outcome(1, 'failed'));
    expect([indexes, tally.outcomes, tally.counts.failed]).toEqual([[0, 1, 1], 3, 2]);
});

test('where the stream breaks, what came before it stays counted', async () => {
    async function* broken(): AsyncGenerator<Buffer> {
        yield Buffer.from(whole);
        throw new Error('gone');
    }
    const tally = new OutcomesTally(false);
    await expect(tally.read(broken(), () => undefined)).rejects.toThrow('gone');
    expect(tally.outcomes).toBe(2);
});
