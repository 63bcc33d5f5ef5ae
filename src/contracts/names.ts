// The names under which things are found: functions, entities, events, instances and blobs. They are stored and sent, so a change here is a change of
// what jobs in flight look for.

/** Orchestrators and entities are in lower case: the engine treats names of entities so, and logs show both side by side. */
export const orchestrators = { runJob: 'runjob', runWorker: 'runworker' } as const;
export const entities = { ledger: 'ledger' } as const;
export const activities = {
    planJob: 'planJob',
    processSlice: 'processSlice',
    foldJob: 'foldJob',
    expireJob: 'expireJob',
    judgeCanary: 'judgeCanary',
    stopOverBudget: 'stopOverBudget',
} as const;
/** `wake` says only "look again": one that is lost or doubled does no harm. */
export const events = { wake: 'wake' } as const;

/** The job's orchestration has the job's id; that of a worker is its child. */
export const workerName = (round: number, slot: number): string => `r${round}w${slot}`;
export const workerInstance = (jobId: string, round: number, slot: number): string => `${jobId}-${workerName(round, slot)}`;

export const blobs = {
    spec: (jobId: string) => `jobs/${jobId}/spec.json`,
    /** Inline items, one a line. */
    source: (jobId: string) => `jobs/${jobId}/source.ndjson`,
    items: (jobId: string, planId: string) => `jobs/${jobId}/items.${planId}.ndjson`,
    plan: (jobId: string) => `jobs/${jobId}/plan.json`,
    invalid: (jobId: string) => `jobs/${jobId}/invalid.ndjson`,
    control: (jobId: string) => `jobs/${jobId}/control.json`,
    /** Rounds come and go; a worker's slot has one blob in all of them, so that a status never lists more than there are slots. */
    progress: (jobId: string, worker: string) => `jobs/${jobId}/progress/${worker.replace(/^r\d+/, '')}`,
    /** Of planning and folding. */
    step: (jobId: string, step: string) => `jobs/${jobId}/progress/${step}`,
    allOutcomes: (jobId: string) => `jobs/${jobId}/outcomes/`,
    /** Segments after the first sort behind it: `00042.ndjson`, `00042.s001.ndjson`. */
    outcomes: (jobId: string, part: number, segment = 0) =>
        `jobs/${jobId}/outcomes/${String(part).padStart(5, '0')}${segment === 0 ? '' : `.s${String(segment).padStart(3, '0')}`}.ndjson`,
    /** What the job's canary came to. */
    canary: (jobId: string) => `jobs/${jobId}/canary.json`,
    manifest: (jobId: string) => `jobs/${jobId}/manifest.json`,
    summary: (jobId: string) => `jobs/${jobId}/summary.json`,
    upload: (id: string) => `uploads/${id}`,
    /** Written anew whenever a job is posted with the upload: when it was last used. */
    uploadUse: (id: string) => `uploadUses/${id}`,
    index: (createdAtMs: number, jobId: string) => `index/${String(9_999_999_999_999 - createdAtMs).padStart(13, '0')}-${jobId}`,
    live: (jobId: string) => `live/${jobId}`,
    /** By the SHA-256 of its name, in hexadecimal digits: a name may hold what no path can. */
    limiter: (digest: string) => `limiters/${digest}.json`,
    limiters: 'limiters/',
    idempotency: (digest: string) => `idempotency/${digest}`,
};
