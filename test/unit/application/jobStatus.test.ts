// What a status says of how a job ends, or has ended, that was not run to its end.
import { statusFrom } from '../../../src/application/jobStatus';
import type { JobFacts } from '../../../src/application/readJob';
import type { Summary } from '../../../src/contracts/documents';
import { jobSpec } from '../../../src/contracts/jobSpec';
import { moved, newControl, type Ending } from '../../../src/core/control';
import { noCounts } from '../../../src/core/counts';
import { newLedger, type LedgerState } from '../../../src/core/ledger';
import { controlAfter } from '../../support/moves';

const NOW = Date.parse('2026-12-01T00:00:00Z');
const spec = jobSpec.parse({ source: { blob: 'x' }, process: { processor: 'digest' }, canary: { items: 5 }, budget: { failures: 3 } });
const job = { id: 'j', createdAt: new Date(NOW - 60_000).toISOString(), spec: { ...spec, source: { inline: 9 } } };

describe('a job that was not run to its end', () => {
    const ends: [Ending, 'cancelled' | 'expired', string][] = [
        ['cancelled', 'cancelled', 'cancel'],
        ['rejected', 'cancelled', 'reject'],
        ['overBudget', 'cancelled', 'budget'],
        ['expired', 'expired', 'deadline'],
    ];
    const summary = (over: Partial<Summary>): Summary => ({
        ...{ jobId: 'j', state: 'cancelled', total: 9, counts: { ...noCounts(), succeeded: 5, skipped: 4 }, invalid: 0, failures: [] },
        endedAt: new Date(NOW).toISOString(),
        ...over,
    });
    const statusOf = (facts: Partial<JobFacts>) => statusFrom(job, { summary: null, ledger: null, control: newControl(), ...facts }, NOW);

    test.each(ends)('as %s shows as %s, ended by %s, and not as succeeded', (ending, state, endedBy) => {
        const status = statusOf({ summary: summary({ state, ending }) });
        expect(status).toMatchObject({ state, ending: state, endedBy, ended: true, allowed: [] });
        expect(status).not.toHaveProperty('outcome');
    });

    test.each(ends)('as %s shows so while it ends, and while its results are gathered', (ending, state, endedBy) => {
        const move = { cancelled: 'cancel', rejected: 'reject', overBudget: 'cancel', expired: 'expire' } as const;
        const control = moved(newControl(), move[ending], { by: 'me', at: NOW }, ending)!;
        const told: LedgerState = { ...newLedger('j'), state: 'running', startedAt: 1, generation: 0 };
        expect(statusOf({ control, ledger: told })).toMatchObject({ state: 'cancelling', ending: state, endedBy });
        const folding: LedgerState = { ...told, state: 'folding', ending, endsAs: state };
        expect(statusOf({ control, ledger: folding })).toMatchObject({ state: 'folding', ending: state, endedBy });
    });

    test('by a version that did not say why is named by its state', () => {
        expect(statusOf({ summary: summary({}) })).toMatchObject({ ending: 'cancelled', endedBy: 'cancel' });
        expect(statusOf({ summary: summary({ state: 'expired' }) })).toMatchObject({ ending: 'expired', endedBy: 'deadline' });
    });

    test('is none that was', () => {
        const status = statusOf({ summary: summary({ state: 'completed', outcome: 'succeeded' }) });
        expect(status).not.toHaveProperty('ending');
        expect(status).not.toHaveProperty('endedBy');
    });
});

test('a job that waits for a word says what may be done about it, and its limits', () => {
    const canary = { items: 5, partitions: 1, timeoutMs: 60_000, ranForMs: 7, until: NOW + 60_000, verdict: null };
    const ledger: LedgerState = { ...newLedger('j'), state: 'awaitingApproval', startedAt: 1, canary };
    const status = statusFrom(job, { summary: null, ledger, control: newControl() }, NOW);
    expect(status).toMatchObject({ state: 'awaitingApproval', allowed: ['cancel', 'approve', 'reject'], waiting: { code: 'APPROVAL' } });
    expect(status.limits.budget).toEqual({ failures: 3, minimum: 50, then: 'pause' });
    expect(statusFrom(job, { summary: null, ledger: { ...ledger, state: 'canary' }, control: controlAfter('pause') }, NOW)).toMatchObject({
        ...{ state: 'paused', allowed: ['resume', 'cancel'] },
    });
});
