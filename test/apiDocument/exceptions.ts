// What the API document says and no test can use end to end: why, and which test shows it instead.
import type { Exception } from '../support/apiDocument/coverage';

export const exceptions: readonly Exception[] = [
    {
        uses: /^answer: (field \/components\/schemas\/(CrashEvent|RepairEvent|TroubleEvent|RecoveredEvent|OmittedEvent)\/|form \/components\/schemas\/TimelineEvent\/oneOf\/(3|4|5|6|10)$)/,
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
    {
        uses: /^answer: field \/components\/schemas\/(JobCounts|Verdict)\/properties\/unrecorded$/,
        why: 'Items go without a record only where storage refuses to take one for good.',
        shownBy: 'test/guarantees/storage.test.ts',
    },
    {
        uses: /^answer: field \/components\/schemas\/StorageUnavailableProblem\/properties\/remedy$/,
        why: 'Storage has to be written by many at once for longer than a request may take.',
        shownBy: 'test/integration/limiters.test.ts',
    },
    {
        uses: /^answer: field \/components\/schemas\/ManifestPart\/properties\/segments$/,
        why: 'One partition has to have more appends than a blob takes: 50,000.',
        shownBy: 'test/unit/storage/jobStore.test.ts',
    },
    {
        uses: /^answer: field \/components\/schemas\/Outcome\/properties\/redacted$/,
        why: 'The target has to answer with the value of a secret, and which there are is a matter of the host.',
        shownBy: 'test/integration/called.test.ts',
    },
    {
        uses: /^answer: form \/components\/schemas\/Job\/properties\/step\/properties\/of\/anyOf\/0$/,
        why: 'Folding has to take longer than a second: hundreds of partitions.',
        shownBy: 'test/unit/core/status.test.ts',
    },
];
