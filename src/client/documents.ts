// What the API takes and answers, under the names that users of the client know. The types are the server's own: what changes there breaks the client's compile.
import type { ProblemDocument } from '../api/http/frame';
import type { Health } from '../api/getHealth';
import type { InvalidRow } from '../api/jobs/getInvalid';
import type { CanaryView } from '../application/canaryView';
import type { ItemView } from '../application/readItem';
import type { LimiterPage } from '../api/limiters/listLimiters';
import type { LimiterView } from '../application/limiterView';
import type { JobBrief, JobPage } from '../api/jobs/listJobs';
import type { StatusDocument } from '../api/jobs/statusDocument';
import type { Verdict } from '../application/verifyJob';
import type { Timeline } from '../api/jobs/getTimeline';
import type { UploadView } from '../api/uploads/uploadView';
import type { Manifest } from '../contracts/documents';
import type { JobSpecInput, LimitsInput } from '../contracts/jobSpec';
import type { SettingsInput } from '../contracts/limiter';
import type { OutcomeKind } from '../core/counts';
import type { ProblemCode } from '../core/codes';
import type { FieldError } from '../core/errors';
import type { ShownGroup } from '../core/failures';
import type { JobState, UserMove } from '../core/states';
import type { Outcome as StoredOutcome } from '../items/outcomeLines';

export type {
    FieldError,
    Health,
    InvalidRow,
    JobBrief,
    JobPage,
    JobState,
    LimiterPage,
    Manifest,
    OutcomeKind,
    ProblemCode,
    ProblemDocument,
    Timeline,
    UserMove,
    Verdict,
};

export type JobSpec = JobSpecInput;
/** What may change while a job runs, each field for itself; null takes it away. */
export type LimitsPatch = { [Name in keyof LimitsInput]?: Patch<NonNullable<LimitsInput[Name]>> | LimitsInput[Name] | null };
/** Of an object its fields, each for itself; a list is replaced as a whole. */
type Patch<Value> = Value extends string | readonly unknown[] ? Value : Partial<Value>;
/** The samples of its canary are read with `JSON.parse`, like all outcomes here. */
export type Job = Omit<StatusDocument, 'canary'> & { canary?: Canary };
export type Canary = Omit<CanaryView, 'samples'> & { samples: Outcome[] };
/** Of `failures` of a job. */
export type FailureGroup = ShownGroup;
export type Upload = UploadView;
export type Limiter = LimiterView;
/** What a target may be asked: what is left out, or null, is not limited. */
export type LimiterSettings = SettingsInput;

/** Read with `JSON.parse`: a number beyond what JavaScript holds is rounded. Whoever needs every digit reads the stream of `openResults`. */
type PlainKey = string | number | null;

export type Outcome = Omit<StoredOutcome, 'key' | 'output'> & { key: PlainKey; output?: unknown };
export type Item = Omit<ItemView, 'key' | 'item' | 'outcome'> & { key?: PlainKey; item: unknown; outcome?: Outcome };
