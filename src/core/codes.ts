// Every code that the app tells anyone, in one place. docs/codes.md says the same, row by row.
/** What a code means, in one sentence, and what to do about it. */
interface Entry {
    means: string;
    remedy: string;
}

/** Of an item that failed: in `error.code` of its outcome, or of an attempt. */
export const itemCodes = {
    HTTP_STATUS: {
        means: 'The target answered with a status that is no success.',
        remedy: 'See `status` and the output; 408, 425, 429, 500, 502, 503, 504 and 520 to 529 are tried again.',
    },
    UNSUCCESSFUL: {
        means: 'The target answered 2xx, and the success expression does not hold.',
        remedy: 'See the output, or correct `success`.',
    },
    SUCCESS_EXPRESSION: {
        means: 'The success expression does not fit the answer.',
        remedy: 'Correct `success`, which may meet answers of other forms.',
    },
    TIMEOUT: {
        means: 'There was no whole answer in time, or the processor did not end.',
        remedy: 'It is tried again; raise `timeout`, or lower `concurrency`. The earlier call may still be at work.',
    },
    CONNECTION: {
        means: 'There was no connection to the target, or it broke.',
        remedy: 'It is tried again; look at the target, its name and its certificate.',
    },
    BAD_ANSWER: {
        means: 'What came back is no HTTP, has more than 16 KiB of header, or is a `100 Continue` that nobody asked for.',
        remedy: 'Mend the target, or what stands before it.',
    },
    BAD_ENCODING: {
        means: 'The body that a success expression reads is not what its `Content-Encoding` says, or that names more than five.',
        remedy: 'It is tried again; mend the target.',
    },
    TOO_LARGE: { means: 'The answer has more than 10 MiB, before or after decoding.', remedy: 'Have the target answer with less.' },
    URL_VARIABLE: {
        means: 'A variable of the URL is missing, null, empty or of a kind that no URL can take; nothing was called.',
        remedy: 'Correct the item, `url` or `vars`.',
    },
    URL_SEGMENT: {
        means: 'A segment of the path would be `.` or `..`, or the path another than the template says; nothing was called.',
        remedy: 'Correct the item.',
    },
    URL_ORIGIN: { means: 'Scheme, host or port would be others than the template says; nothing was called.', remedy: 'Correct the item.' },
    URL_TOO_LONG: { means: 'The URL would have more than 65,536 characters; nothing was called.', remedy: 'Send the value in the body.' },
    BAD_URL: {
        means: 'The call cannot be made as it is: no absolute http or https URL, or one with a password.',
        remedy: 'Correct `url`.',
    },
    TARGET_FORBIDDEN: {
        means: 'The host of the URL, or an address that its name resolves to, may not be called from this deployment; nothing was called.',
        remedy: 'Correct the URL; or have the deployment allow the target (`FANFOLD_ALLOWED_TARGETS`).',
    },
    TARGET_UNRESOLVED: { means: 'There is no host of the name in the URL; nothing was called.', remedy: 'Correct the URL.' },
    LONE_SURROGATE: {
        means: 'URL or key holds half a surrogate pair, which is no Unicode text; nothing was called.',
        remedy: 'Correct the item.',
    },
    NUMBER_INEXACT: {
        means: 'An expression compares or computes with a number that would be rounded.',
        remedy: 'Give the number as a text, or do not compute with it.',
    },
    BODY_EXPRESSION: { means: 'The body expression does not fit the item; nothing was called.', remedy: 'Correct the item or `body`.' },
    SECRET_MISSING: {
        means: 'The app setting that a secret names is not there; nothing was called.',
        remedy: 'Set it; where the app may not have it yet, the item is tried again.',
    },
    SECRET_HOST: {
        means: 'The secret may not be sent to the host of this URL; nothing was called.',
        remedy: 'Allow that host in `FANFOLD_SECRETS`.',
    },
    SECRET_INVALID: {
        means: 'The value of a secret has become one that no header can carry, or is too short; nothing was called.',
        remedy: 'Correct the app setting.',
    },
    SPEC_INVALID: { means: 'An earlier version of the app took this spec, this one cannot do what it says.', remedy: 'Post the job anew.' },
    INVALID_ITEM: { means: 'The item is not what the processor takes.', remedy: 'Correct the item.' },
    PROCESSOR_ERROR: { means: 'The processor threw an error.', remedy: 'It is tried again; mend the processor, or the item.' },
    PROCESSOR_FATAL: { means: 'The processor threw a `FatalError`: trying again cannot help.', remedy: 'See the message.' },
    PROCESSOR_MISSING: { means: 'This deployment has no processor of that name.', remedy: 'Deploy it; the item is tried again.' },
    BAD_RESULT: { means: 'What the processor gave cannot be recorded as JSON.', remedy: 'Mend the processor.' },
    NOT_APPROVED: {
        means: 'The canary of the job was rejected before the item was called. Its outcome is `skipped`.',
        remedy: 'Mend what the canary has shown, and post the job again.',
    },
    POISON: {
        means: 'The item ended the worker process each time that it was processed, with nothing else running in it.',
        remedy: 'Mend the item or the processor; see [isolation](how-it-works.md#isolation).',
    },
} as const satisfies Record<string, Entry>;
export type ItemCode = keyof typeof itemCodes;

/** Of a job that failed: in its `error.code`. */
export const jobCodes = {
    SOURCE_NOT_FOUND: { means: 'The file that the source names is not there.', remedy: 'Upload it, and post the job again.' },
    SOURCE_NOT_ALLOWED: {
        means: 'The blob that the source names may not be read.',
        remedy: 'Name another, or allow it in the deployment.',
    },
    SOURCE_CHANGED: { means: 'The file was replaced after the job was posted.', remedy: 'Post the job again.' },
    SOURCE_EMPTY: { means: 'The source has no items, or none that is valid.', remedy: 'Look at the file and at `/invalid`.' },
    SOURCE_INVALID: {
        means: 'The source has rows that are no items, and the job says that it is rejected then.',
        remedy: 'Correct the rows that `/invalid` lists, or set `onInvalid` to `skip`.',
    },
    FORMAT_UNKNOWN: { means: 'The name of the file does not tell its format.', remedy: 'Set `source.format`.' },
    CSV_HEADER: { means: 'The header of the CSV cannot be one.', remedy: 'Correct the first row.' },
    JSON_SYNTAX: {
        means: 'The JSON document breaks off or is none from some place on.',
        remedy: 'Correct the file at the place that the message names.',
    },
    JSON_NOT_ARRAY: { means: 'The JSON document is no array.', remedy: 'Make it an array of items.' },
    NDJSON_NOT_LINES: { means: 'The file is no JSON a line.', remedy: 'Set `source.format` to what it is.' },
    NOT_UTF8: { means: 'The file is not UTF-8.', remedy: 'Convert it.' },
    ITEM_TOO_LARGE: { means: 'An item has more than 1 MiB, and where it ends cannot be known.', remedy: 'Cut the items smaller.' },
    TOO_MANY_ITEMS: {
        means: 'The source has more items than one job may have here. Nothing was called.',
        remedy: 'Cut it into several jobs, or have `FANFOLD_MAX_ITEMS` raised.',
    },
    COMPRESSED: { means: 'The file is compressed, or a spreadsheet.', remedy: 'Unpack it, or save it as CSV.' },
    NOT_TEXT: { means: 'The file is no text.', remedy: 'Save it as CSV.' },
    VARIABLE_UNKNOWN: { means: 'No item has what the URL names.', remedy: 'Correct `url` or `vars`; see [URLs](job-spec.md#urls).' },
    CANCELLED: { means: 'The job was cancelled before its source was read to its end.', remedy: 'Nothing is to be done.' },
    EXPIRED: {
        means: 'The deadline of the job came before its source was read to its end.',
        remedy: 'Post it again with a later deadline.',
    },
    PLAN_FAILED: { means: 'The source could not be read to its end in ten tries.', remedy: 'See the message; post the job again.' },
    NOT_CONSERVED: {
        means: 'Outcomes are missing or double, and repairing them did not help.',
        remedy: 'Run `verify`; see [storage](failure.md).',
    },
    STORAGE_REFUSED: {
        means: 'Storage refused something for good.',
        remedy: 'See what in the message; mostly a permission or a blob that was deleted.',
    },
    UNEXPECTED: { means: 'A step met what it did not foresee.', remedy: 'See the message; report it.' },
} as const satisfies Record<string, Entry>;
export type JobCode = keyof typeof jobCodes;

/** Of a row of the source that is no item: in `code` at `/invalid`. */
export const rowCodes = {
    CSV_RAGGED: {
        means: 'The row has more or fewer fields than the header.',
        remedy: 'Correct the row; a quote that is missing joins rows.',
    },
    CSV_EMPTY_ROW: { means: 'The row has only empty cells.', remedy: 'Set `csv.emptyRows` to `skip`.' },
    CSV_QUOTE: { means: 'A quote stands where none may.', remedy: 'Correct the row.' },
    NDJSON_SYNTAX: { means: 'The line is no JSON.', remedy: 'Correct the line.' },
    NOT_UTF8: { means: 'The line is not UTF-8.', remedy: 'Convert it.' },
    ITEM_TOO_LARGE: { means: 'The item has more than 1 MiB.', remedy: 'Cut it smaller.' },
    ITEM_TOO_DEEP: { means: 'The item has more than 500 levels of nesting.', remedy: 'Make it flatter.' },
    KEY_MISSING: { means: 'There is no text or number at `key`.', remedy: 'Correct the row or `key`.' },
    NUMBER_INEXACT: {
        means: 'The expression of the key computes with a number that would be rounded.',
        remedy: 'Give the number as a text.',
    },
} as const satisfies Record<string, Entry>;
export type RowCode = keyof typeof rowCodes;

/** Of what `verify` finds wrong: in `problems[].code`. */
export const findingCodes = {
    PART_MISSING: { means: 'A file that the manifest names is gone.', remedy: 'Restore it.' },
    BYTES: { means: 'A file has another length than the manifest says.', remedy: 'Restore it.' },
    SHA256: { means: 'A file has another digest than the manifest says.', remedy: 'Restore it.' },
    ITEMS: { means: 'A file has more or fewer outcomes than the manifest says.', remedy: 'Restore it.' },
    COUNTS: { means: 'The counts are not those of the manifest.', remedy: 'Restore the files.' },
    TORN_LINE: { means: 'The last line of a file is not complete.', remedy: 'Restore it.' },
    MISSING: { means: 'An item has no outcome.', remedy: 'Restore the files.' },
    DUPLICATE: { means: 'An item has two outcomes.', remedy: 'Report it.' },
    UNKNOWN_INDEX: { means: 'A line is about an item that the job never had.', remedy: 'Report it.' },
    CONSERVATION: { means: 'The counts of the manifest do not add up to its total.', remedy: 'Report it.' },
} as const satisfies Record<string, Entry>;
export type FindingCode = keyof typeof findingCodes;

/** Of what a job waits for: in `waiting.code` of its status. */
export const waitCodes = [
    'RETRY_DUE',
    'CRASH',
    'ISOLATION',
    'STORAGE',
    'WORK',
    'CONTROL',
    'VERSION',
    'SCHEDULED',
    'PAUSED',
    'APPROVAL',
    'BUDGET',
    'OUTSIDE_WINDOWS',
    'GATE_CLOSED',
    'BREAKER_OPEN',
    'NO_SHARE',
    'NO_NEWS',
] as const;
export type WaitCode = (typeof waitCodes)[number];
export const waitingCodes: Record<WaitCode, Entry> = {
    RETRY_DUE: { means: 'The next attempt of an item is due then.', remedy: 'Nothing; `calls.statuses` says how attempts ended.' },
    CONTROL: { means: 'What was asked for is on its way to the ledger.', remedy: 'Nothing.' },
    STORAGE: { means: 'Storage refuses something, or does not answer; `for` says what.', remedy: 'See [storage](failure.md).' },
    VERSION: { means: 'An instance of a newer version of the app is being deployed.', remedy: 'Nothing; end the deployment.' },
    CRASH: { means: 'A process died, and its items are taken up again.', remedy: 'Look at the log if it goes on.' },
    ISOLATION: { means: 'The item that ends the process is being looked for.', remedy: 'Nothing; it ends as `POISON`.' },
    SCHEDULED: { means: 'The job is to start then (`startAt`).', remedy: 'Nothing; or cancel it.' },
    PAUSED: { means: 'Somebody has paused the job.', remedy: 'Resume it, or cancel it.' },
    APPROVAL: {
        means: 'The canary has come to its end, and somebody is to say whether the rest is called. At `until` the job is rejected, or its deadline has come.',
        remedy: 'Look at `canary` in the status; then `approve` or `reject`.',
    },
    BUDGET: {
        means: 'So many items have failed that the job was paused by its budget; `limit` and `groups` say which limit was reached, and by what.',
        remedy: 'Mend what fails, and resume: failures before a resume do not count. Or change `budget` with `PATCH`, or cancel.',
    },
    OUTSIDE_WINDOWS: {
        means: 'It is outside the windows of `calling`: nothing is called before the next one opens.',
        remedy: 'Nothing; or change `calling` with `PATCH`.',
    },
    GATE_CLOSED: {
        means: 'The target has asked everybody to wait (429, or 503, with `Retry-After`). No attempt is lost.',
        remedy: 'Nothing. `GET /api/limiters/{name}` shows the gate.',
    },
    BREAKER_OPEN: {
        means: 'Nothing succeeds at the target any more; `for` says what it answered. One call at a time finds out when it is back. No attempt is lost.',
        remedy: 'Bring the target back; the job goes on by itself.',
    },
    NO_SHARE: {
        means: 'What the target may be asked is used up, or in the hands of other processes; `for` says which.',
        remedy: 'Nothing; or raise `rate` with `PATCH`, or the limiter with `PUT`.',
    },
    NO_NEWS: {
        means: 'Nothing has been heard of the job for more than five seconds; `since` says since when.',
        remedy: 'See whether the app runs. What a host held is taken up again when it is back, or by another after a minute or two.',
    },
    WORK: { means: 'Other workers hold what is left, and may give some of it back.', remedy: 'Nothing.' },
};

/** Of a request that is refused: in `code` of `application/problem+json`, with its HTTP status. */
export const problemCodes = {
    BAD_JSON: { status: 400, title: 'The request body is not valid JSON', remedy: 'Send one JSON document as UTF-8.' },
    BAD_SPEC: { status: 400, title: 'The job spec is not valid', remedy: 'Correct each listed field; nothing was stored.' },
    BAD_BODY: {
        status: 400,
        title: 'The request body is not what this route takes',
        remedy: 'Correct each listed field; nothing was changed.',
    },
    BAD_PARAMETER: { status: 400, title: 'A request parameter is not valid', remedy: 'Correct the named parameter.' },
    BAD_UPLOAD: { status: 400, title: 'The upload is not valid', remedy: 'See docs/uploads.md.' },
    KEY_REQUIRED: {
        status: 401,
        title: 'Nobody who is known here',
        remedy: 'Send a key of this deployment as x-fanfold-key, or sign in with one of its app roles; see docs/security.md.',
    },
    LEVEL_TOO_LOW: {
        status: 403,
        title: 'The level of the caller is too low for this',
        remedy: 'Use a key, or a role, of the level that "needed" names.',
    },
    FOREIGN_ORIGIN: {
        status: 403,
        title: 'The page that sent this is of another origin',
        remedy: 'Send it from a page of this origin, or have the deployment allow that origin (FANFOLD_ALLOWED_ORIGINS).',
    },
    JOB_NOT_FOUND: { status: 404, title: 'No such job', remedy: 'List jobs with GET /api/jobs.' },
    ITEM_NOT_FOUND: { status: 404, title: 'No such item', remedy: 'Items are numbered from 0 to total - 1.' },
    UPLOAD_NOT_FOUND: { status: 404, title: 'No such upload', remedy: 'Create one with POST /api/uploads.' },
    LIMITER_NOT_FOUND: {
        status: 404,
        title: 'No such limiter',
        remedy: 'Nothing has limited it yet: it is there once a job was held back by it, or somebody has set it with PUT.',
    },
    ROUTE_NOT_FOUND: { status: 404, title: 'No such route', remedy: 'See docs/api.md for the routes.' },
    METHOD_NOT_ALLOWED: { status: 405, title: 'Method not allowed here', remedy: 'Use one of the methods in the Allow header.' },
    NOT_ACCEPTABLE: { status: 406, title: 'No such representation', remedy: 'Ask for NDJSON or CSV; of a timeline, for JSON or NDJSON.' },
    ILLEGAL_MOVE: { status: 409, title: 'The job is in a state that does not allow this', remedy: 'See "state" and "allowed".' },
    NOT_READY: { status: 409, title: 'Not there yet', remedy: 'Ask again when the job has ended.' },
    IDEMPOTENCY_IN_PROGRESS: {
        status: 409,
        title: 'The first request with this Idempotency-Key is still at work',
        remedy: 'Send it again after the time in Retry-After.',
    },
    UPLOAD_CONFLICT: {
        status: 409,
        title: 'The upload is not where this request expects it',
        remedy: 'Ask for the offset with HEAD and go on from there.',
    },
    PRECONDITION_FAILED: { status: 412, title: 'Protocol version not supported', remedy: 'Send Tus-Resumable: 1.0.0.' },
    TOO_LARGE: { status: 413, title: 'The request is too large', remedy: 'Upload the items in a file and name the upload as the source.' },
    TOO_MANY_ITEMS: {
        status: 413,
        title: 'The job has too many items',
        remedy: 'Cut it into several jobs, or have FANFOLD_MAX_ITEMS raised.',
    },
    UNSUPPORTED_MEDIA: {
        status: 415,
        title: 'The content type is not supported',
        remedy: 'Send the content type that the route documents.',
    },
    IDEMPOTENCY_CONFLICT: { status: 422, title: 'This Idempotency-Key was used with another body', remedy: 'Use a new key for a new job.' },
    TOO_MANY_JOBS: {
        status: 429,
        title: 'Too many jobs have not ended',
        remedy: 'Post it again when others have ended, cancel some, or have FANFOLD_MAX_JOBS raised.',
    },
    TOO_MANY_UPLOADS: {
        status: 429,
        title: 'Too many uploads are not complete',
        remedy: 'Complete or delete some, wait until those that nobody adds to are gone, or have FANFOLD_MAX_UPLOADS raised.',
    },
    INTERNAL: { status: 500, title: 'Something went wrong here', remedy: 'Try again; the log holds the details under the invocation id.' },
    NEWER_VERSION: {
        status: 503,
        title: 'A newer version of this app has written what is asked for',
        remedy: 'Try again in a few seconds: this instance is being replaced.',
    },
    STORAGE_UNAVAILABLE: { status: 503, title: 'Storage does not answer', remedy: 'Try again in a few seconds.' },
} as const;
export type ProblemCode = keyof typeof problemCodes;
