import { claim, checkKey, checkReplay, type KeyRecord } from '../../../src/http/startJob';
import type { JobStore } from '../../../src/storage/jobStore';

/** A store with create-if-absent, which is all that claiming a key needs. */
function memory() {
    const blobs = new Map<string, unknown>();
    const store = {
        readJson: async (name: string) => blobs.get(name) ?? null,
        createJson: async (name: string, value: unknown) => !blobs.has(name) && Boolean(blobs.set(name, value)),
    };
    return { blobs, store: store as unknown as JobStore };
}
const record = (jobId: string, bodyHash = 'h'): KeyRecord => ({ jobId, bodyHash, createdAt: '2026-01-01T00:00:00.000Z' });

test('of many starts with one key exactly one owns the job, and all get its id', async () => {
    const { store, blobs } = memory();
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => claim(store, 'k', null, record(`job${i}`))));
    expect(new Set(answers.map((a) => a.record.jobId)).size).toBe(1);
    expect(answers.filter((a) => !a.replayed)).toHaveLength(1);
    expect(blobs.size).toBe(1);
    expect([...blobs.keys()][0]).toMatch(/^idempotency\/[0-9a-f]{64}$/);
});

test('the same key with another body is a conflict that names the job', async () => {
    const { store } = memory();
    await claim(store, 'k', null, record('first'));
    await expect(claim(store, 'k', null, record('second', 'other'))).rejects.toMatchObject({
        code: 'IDEMPOTENCY_CONFLICT',
        details: { jobId: 'first' },
    });
    expect(() => checkReplay(record('first'), 'other')).toThrow();
});

test('without a key every start is its own and nothing is kept for it', async () => {
    const { store, blobs } = memory();
    expect(await claim(store, null, null, record('a'))).toEqual({ record: record('a'), replayed: false });
    expect(blobs.size).toBe(0);
});

test.each(['', 'a b', 'ü', 'x'.repeat(256)])('%p is no key', (key) => expect(() => checkKey(key)).toThrow(/Idempotency-Key/));
test('255 visible characters are a key', () => expect(checkKey('x'.repeat(255))).toHaveLength(255));
