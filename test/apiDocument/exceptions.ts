// What the API document says and no test can use end to end: why, and which test shows it instead.
import type { Exception } from '../support/apiDocument/coverage';

export const exceptions: readonly Exception[] = [
    {
        uses: /^answer: field \/components\/schemas\/(CrashEvent|RepairEvent|TroubleEvent|RecoveredEvent|OmittedEvent)\//,
        why: 'A process has to die, or storage to be away or to lose something, under a job that runs: nothing that a suite may do to a host which it does not own.',
        shownBy: 'test/unit/core/timeline.test.ts',
    },
    {
        uses: /^answer: field \/components\/schemas\/Finding\//,
        why: 'Verification finds something only where storage has lost or changed files of a job.',
        shownBy: 'test/integration/http.test.ts',
    },
    {
        uses: /^request: .*JobSpec\/properties\/source\/anyOf\/1/,
        why: 'The suite reads no blob that it has not uploaded: it speaks HTTP only.',
        shownBy: 'test/integration/doors.test.ts',
    },
    {
        uses: /^request: .*\/headers\/additionalProperties\/anyOf\/1/,
        why: 'The suite names no secret that has a value: which there are is a matter of the host.',
        shownBy: 'test/integration/doors.test.ts',
    },
];
