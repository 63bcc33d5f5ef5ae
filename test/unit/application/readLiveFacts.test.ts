// What a job's state follows from, read of one that had no summary a moment ago: storage is asked for one again only where there may be one by now.
import { readLiveFacts } from '../../../src/application/readJob';
import type { Summary } from '../../../src/contracts/documents';
import { newControl } from '../../../src/core/control';
import { noCounts } from '../../../src/core/counts';
import { newLedger, type LedgerState } from '../../../src/core/ledger';

const summary: Summary = {
    ...{ jobId: 'j', state: 'completed', total: 1, counts: { ...noCounts(), succeeded: 1 }, invalid: 0, failures: [] },
    endedAt: '2026-12-01T00:00:00.000Z',
};

/** What is found where the ledger is this and storage has a summary, and how often that was asked for. */
async function found(ledger: LedgerState | null, stored: Summary | null) {
    const readSummary = jest.fn(async () => stored);
    const facts = await readLiveFacts({ readSummary, readControl: async () => newControl() }, { readLedger: async () => ledger }, 'j');
    return { facts, asked: readSummary.mock.calls.length };
}

test('a ledger that goes on is enough', async () => {
    const ledger: LedgerState = { ...newLedger('j'), state: 'folding' };
    expect(await found(ledger, summary)).toEqual({ facts: { summary: null, ledger, control: newControl() }, asked: 0 });
});

test.each([
    ['has ended', { ...newLedger('j'), state: 'completed' } satisfies LedgerState],
    ['is not there', null],
])('where the ledger %s, the summary that has come meanwhile tells', async (_what, ledger) => {
    expect(await found(ledger, summary)).toEqual({ facts: { summary, ledger: null, control: newControl() }, asked: 1 });
    expect(await found(ledger, null)).toEqual({ facts: { summary: null, ledger, control: newControl() }, asked: 1 });
});
