// The canary of a job has come to its end: what it came to is kept for whoever decides, and where nobody is asked the share of its failures does.
import { failureShare, isWithin } from '../core/canary';
import { moved, seenOf, type Control } from '../core/control';
import type { ControlMove } from '../core/states';
import type { StoredJob } from '../contracts/documents';
import type { JudgeInput, JudgeReply } from '../contracts/payloads';
import { consoleLog } from '../log';
import type { JobStore } from '../storage/jobStore';
import { findCanary, type CanaryFindings } from './canaryFindings';
import { onControl } from './onControl';

export const judgeCanary = (input: JudgeInput, store: JobStore, log = consoleLog): Promise<JudgeReply> =>
    onControl(input.jobId, store, { log, failed: 'canary could not be looked at' }, async (job, own) => {
        const findings = await findCanary(input, store);
        const control = await decided(job, findings, input, store);
        const { approval, generation } = control;
        const asks = approval === null && control.desired !== 'cancel' && job.spec.canary!.approval === 'manual';
        own.info('canary was looked at', { ...findings.counts, verdict: approval?.is, by: approval?.by, generation });
        return { kind: 'control', control: seenOf(job, control), asks };
    });

/** The control document with a word on the canary, where it is not a person's, or none has said it in time. What somebody has said before holds. */
function decided(job: StoredJob, findings: CanaryFindings, { jobId, overdue }: JudgeInput, store: JobStore): Promise<Control> {
    const { approval, maxPercent, timeout } = job.spec.canary!;
    const say = (move: ControlMove, by: string, reason: string): Promise<Control> =>
        store.changeControl(jobId, (control) => {
            // Where somebody has paused the job meanwhile, it is judged when it is resumed.
            if (control.approval || (control.desired === 'pause' && move === 'approve')) return null;
            return moved(control, move, { by, reason, at: Date.now() });
        });
    if (overdue) return say('reject', 'timeout', `nobody has approved or rejected the canary within ${timeout}`);
    if (approval === 'manual') return store.readControl(jobId);
    const { counts, items } = findings;
    const share = `${counts.failed} of ${items} items have failed, ${failureShare(counts)} percent; canary.maxPercent is ${maxPercent}`;
    return isWithin(counts, maxPercent) ? say('approve', 'canary', share) : say('reject', 'canary', share);
}
