import type { ControlSeen } from '../core/control';
import type { LedgerState } from '../core/ledger';

/** What use cases ask of the orchestration engine. Behind it stands the durable client. */
export interface JobEngine {
    /** Of the orchestration that runs the job: `ended` for whatever reason, also when it failed or was terminated from outside. */
    stateOf(jobId: string): Promise<'none' | 'active' | 'ended'>;
    /** Starts it. One that is active already stays as it is; one that has ended is replaced. */
    start(jobId: string): Promise<void>;
    /** The state of the job's ledger; null before it has heard anything. */
    readLedger(jobId: string): Promise<LedgerState | null>;
    /** Sends what users want of the job to its ledger. Resolved is sent, not heard. */
    tellLedger(jobId: string, wanted: ControlSeen): Promise<void>;
    /** Wakes the job's orchestration up from a wait. A hint: one that is lost or doubled does no harm. Rejects where no orchestration is there. */
    wake(jobId: string, wanted: ControlSeen): Promise<void>;
}
