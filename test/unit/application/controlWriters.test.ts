// Several who change one control document at once, under a condition like that of an ETag.
import * as fc from 'fast-check';
import { controlJob, retuneJob, type ControlPorts } from '../../../src/application/controlJob';
import type { JobEngine } from '../../../src/application/jobEngine';
import { jobSpec } from '../../../src/contracts/jobSpec';
import { newControl, type Control } from '../../../src/core/control';
import { newLedger } from '../../../src/core/ledger';
import { desireOf, type Desire, type UserMove } from '../../../src/core/states';
import type { JobStore } from '../../../src/storage/jobStore';
import { noted } from '../../support/log';
import { runs } from '../../support/runs';

const NOW = Date.parse('2026-11-01T12:00:00Z');
const stored = jobSpec.parse({ source: { blob: 'x' }, process: { processor: 'digest' } });

/** A document that is read and written in turns that the scheduler decides on; what was written meanwhile is noticed, or not. */
function portsOf(scheduler: fc.Scheduler, noticesOthers: boolean): ControlPorts & { document: () => Control } {
    let document = newControl();
    let version = 0;
    const turn = () => scheduler.schedule(Promise.resolve());
    const store = {
        readJob: async (id: string) => ({ id, createdAt: new Date(NOW).toISOString(), spec: stored }),
        readSummary: async () => null,
        readControl: async () => document,
        changeControl: async (_id: string, change: (now: Control) => Control | null) => {
            for (;;) {
                await turn();
                const [read, ifMatch] = [document, version];
                const changed = change(read);
                if (changed === null) return read;
                await turn();
                if (noticesOthers && version !== ifMatch) continue;
                version++;
                return (document = changed);
            }
        },
    } as unknown as JobStore;
    const engine: JobEngine = {
        stateOf: async () => 'active',
        start: async () => undefined,
        readLedger: async (id) => ({ ...newLedger(id), state: 'running' }),
        tellLedger: async () => undefined,
        wake: async () => undefined,
    };
    return { store, engine, clock: () => NOW, log: noted().log, document: () => document };
}

const asks = fc.array(fc.oneof(fc.constantFrom<UserMove>('pause', 'resume', 'pause', 'resume', 'cancel'), fc.integer({ min: 1, max: 9 })), {
    minLength: 1,
    maxLength: 6,
});

/** Each asks one thing after the other, and no move that was accepted is lost. */
const property = (noticesOthers: boolean) =>
    fc.asyncProperty(fc.scheduler(), fc.array(asks, { minLength: 2, maxLength: 3 }), async (scheduler, writers) => {
        const ports = portsOf(scheduler, noticesOthers);
        const accepted: { generation: number; by: string; what: string }[] = [];
        const write = async (all: (UserMove | number)[], name: number) => {
            for (const [i, ask] of all.entries()) {
                const by = `${name}.${i}`;
                const asked =
                    typeof ask === 'string'
                        ? controlJob(ports, 'j', { move: ask, by })
                        : retuneJob(ports, 'j', { by }, (now) => ({ ...now, concurrency: { max: ask, adaptive: true } }));
                const done = await asked.catch((error: unknown) => {
                    if ((error as { code?: string }).code !== 'ILLEGAL_MOVE') throw error;
                });
                if (done?.changed) accepted.push({ generation: done.facts.control.generation, by, what: String(ask) });
            }
        };
        await scheduler.waitFor(Promise.all(writers.map(write)));
        const { generation, changes } = ports.document();
        const log = [...changes.first, ...changes.last];
        expect(log.map((event) => event.generation)).toEqual(Array.from({ length: generation }, (_, i) => i + 1));
        const told = log.map((event) => ({
            ...{ generation: event.generation, by: event.by },
            what: event.kind === 'move' ? event.move : String(event.changes[0]!.to),
        }));
        expect(told).toEqual(accepted.sort((a, b) => a.generation - b.generation));
        // Decided by what stood there: no move follows one that it could not follow.
        let desired: Desire = 'run';
        for (const event of log) {
            if (desired === 'cancel') throw new Error('something was accepted after a cancel');
            if (event.kind !== 'move') continue;
            const wants: Desire = desireOf[event.move];
            if (wants === desired) throw new Error(`${event.move} was accepted where it was so already`);
            desired = wants;
        }
    });

test('none of two who write the control document at once loses what was accepted: generations follow each other, and the log has them in order', async () => {
    await fc.assert(property(true), { numRuns: runs(200) });
});

test('one would lose what the other has written, were that not noticed: the property above sees it', async () => {
    const { failed, counterexample } = await fc.check(property(false), { numRuns: 200 });
    expect(failed).toBe(true);
    expect(counterexample).not.toBeNull();
});
