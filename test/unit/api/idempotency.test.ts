import fc from 'fast-check';
import { checkAbandoned, checkReplay, claim, STORING_MS } from '../../../src/application/idempotency';
import { keyOf } from '../../../src/api/http/idempotencyKey';
import type { Contract } from '../../../src/contracts/contract';
import type { KeyRecord } from '../../../src/contracts/documents';
import type { JobStore } from '../../../src/storage/jobStore';

/** A store with create-if-absent, which is all that claiming a key needs. */
function memory() {
    const blobs = new Map<string, unknown>();
    const store = {
        readDocument: async (_document: unknown, name: string) => blobs.get(name) ?? null,
        createDocument: async <T>(_document: Contract<T>, name: string, value: T) => {
            if (!blobs.has(name)) blobs.set(name, value);
            return blobs.get(name) as T;
        },
    };
    return { blobs, store: store as unknown as JobStore };
}
const at = Date.parse('2026-01-01T00:00:00.000Z');
const record = (jobId: string, bodyHash = 'h'): KeyRecord => ({ jobId, bodyHash, createdAt: new Date(at).toISOString() });

test('of many starts with one key exactly one owns the job, and all get its id', async () => {
    const { store, blobs } = memory();
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => claim(store, 'k', record(`job${i}`))));
    expect(new Set(answers.map((a) => a.jobId)).size).toBe(1);
    expect(blobs.size).toBe(1);
    expect([...blobs.keys()][0]).toMatch(/^idempotency\/[0-9a-f]{64}$/);
});

test('a claim whose answer was lost is recognised as its own', async () => {
    const { store } = memory();
    await claim(store, 'k', record('mine'));
    // What storage says to the repeated create: it is there already.
    expect(await claim(store, 'k', record('mine'))).toEqual(record('mine'));
});

test('the same key with another body is a conflict that names the job', async () => {
    const { store } = memory();
    await claim(store, 'k', record('first'));
    await expect(claim(store, 'k', record('second', 'other'))).rejects.toMatchObject({
        code: 'IDEMPOTENCY_CONFLICT',
        status: 422,
        details: { jobId: 'first' },
    });
    expect(() => checkReplay(record('first'), 'other')).toThrow();
});

test('while the first request may be at work the others are told to wait, for a bounded time', () => {
    const told = (afterMs: number) => {
        try {
            checkAbandoned(record('first'), at + afterMs);
        } catch (error) {
            return error;
        }
        return 'go on';
    };
    for (const ms of [-20_000, 0, 1_000, STORING_MS - 1])
        expect(told(ms)).toMatchObject({ code: 'IDEMPOTENCY_IN_PROGRESS', status: 409, details: { headers: { 'retry-after': '1' } } });
    // Far in the future is a clock that is wrong.
    for (const ms of [STORING_MS, 3_600_000, -3_600_000]) expect(told(ms)).toBe('go on');
});

describe('the key', () => {
    const quoted = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`;
    const visible = fc.string({
        unit: fc.integer({ min: 0x21, max: 0x7e }).map((c) => String.fromCharCode(c)),
        minLength: 1,
        maxLength: 255,
    });

    test('quoted is the key bare', () => {
        fc.assert(fc.property(visible, (key) => expect(keyOf(quoted(key))).toBe(key)));
        fc.assert(
            fc.property(
                visible.filter((key) => !key.startsWith('"')),
                (key) => expect(keyOf(key)).toBe(key),
            ),
        );
        expect(keyOf('"k"')).toBe(keyOf('k'));
        expect(keyOf('"a b"')).toBe('a b');
        expect(keyOf(null)).toBeNull();
    });

    test.each(['', 'a b', 'ü', 'x'.repeat(256), '""', '"', '"a', '"a"b"', '"a\\"', '"\\n"', '"ü"', '"a";p=1', `"${'x'.repeat(256)}"`])(
        '%p is none',
        (key) => expect(() => keyOf(key)).toThrow(/Idempotency-Key/),
    );
});
