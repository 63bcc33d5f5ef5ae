// What can befall one request to storage, and which request of a job it is to befall.

export const STATUSES = [403, 404, 409, 412, 500, 503] as const;
type Status = (typeof STATUSES)[number];

/**
 * `403 once`: answered so, not done. `403 for good`: so is every further request of its kind for that job. `reset`: the connection, before it is done.
 * `lost`: done, and the connection ends without an answer. `cut`: done, and the answer ends in its middle. `never`: taken, not done, not answered.
 * `held`: done half a minute later, also when nobody waits any more. `late`: done at once, answered half a minute later.
 */
export type Fault = `${Status} once` | `${Status} for good` | 'reset' | 'lost' | 'cut' | 'never' | 'held' | 'late';

export const FAULTS: Fault[] = [
    ...STATUSES.map((s) => `${s} once` as const),
    'reset',
    'lost',
    'cut',
    'never',
    'held',
    'late',
    ...STATUSES.map((s) => `${s} for good` as const),
];

export const HELD_MS = 30_000;

export const isForGood = (fault: Fault): boolean => fault.endsWith('for good');
export const statusOf = (fault: Fault): Status | null => (Number(/^\d+/.exec(fault)?.[0]) as Status) || null;

export interface Cell {
    /** Verb and kind of document, such as `PUT append outcomes`. */
    request: string;
    /** How many-th of its kind in its job, from 1; tries of the client again are counted. */
    nth: number;
    fault: Fault;
}

/** Whether storage names its reason, as the service does, or a proxy answers without: the other for every second cell. */
export const isBare = ({ request, nth, fault }: Cell): boolean =>
    [...`${request}${nth}${fault}`].reduce((sum, c) => sum + c.charCodeAt(0), 0) % 2 === 1;

const CODES: Record<Status, string> = {
    403: 'AuthorizationFailure',
    404: 'BlobNotFound',
    409: 'BlobAlreadyExists',
    412: 'ConditionNotMet',
    500: 'InternalError',
    503: 'ServerBusy',
};

/** Headers and body of an answer with that status. */
export function refusal(status: Status, bare: boolean): { headers: Record<string, string>; body: string } {
    if (bare) return { headers: { 'content-type': 'text/html' }, body: '<html><body>no</body></html>' };
    const code = CODES[status];
    return {
        headers: { 'content-type': 'application/xml', 'x-ms-error-code': code },
        body: `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>A fault of the matrix.</Message></Error>`,
    };
}

/** One job's requests to storage: how many there were of each kind, in their order, and what is to strike one of them. */
export class Strand {
    readonly seen = new Map<string, number>();
    readonly log: { request: string; nth: number; at: number; fault?: Fault }[] = [];
    struck = 0;
    /** When its last request came, in ms. */
    lastAt = Date.now();
    /** Nothing strikes any more. */
    lifted = false;
    /** When storage took the job's summary, in ms. */
    summaryAt: number | null = null;
    /** Resolves then. */
    readonly ended: Promise<void>;
    private end!: () => void;

    constructor(
        /** Stands in every document that belongs to the job before its id is known. */
        readonly marker: string,
        readonly cell: Cell | null,
    ) {
        this.ended = new Promise((resolve) => (this.end = resolve));
    }

    tookSummary(): void {
        this.summaryAt ??= Date.now();
        this.end();
    }

    /** The fault that strikes this request. What comes when nothing strikes any more is not counted. */
    strike(request: string): Fault | null {
        this.lastAt = Date.now();
        if (this.lifted) return null;
        const nth = (this.seen.get(request) ?? 0) + 1;
        this.seen.set(request, nth);
        const { cell } = this;
        const strikes = cell !== null && cell.request === request && (isForGood(cell.fault) ? nth >= cell.nth : nth === cell.nth);
        this.log.push({ request, nth, at: this.lastAt, ...(strikes ? { fault: cell.fault } : {}) });
        if (!strikes) return null;
        this.struck++;
        return cell.fault;
    }
}

/** All strands, and the names that they go by: a job's id, an upload's, an idempotency key's digest. */
export class Strands {
    private readonly byName = new Map<string, Strand>();
    private readonly byMarker = new Map<string, Strand>();

    expect(strand: Strand, ...names: string[]): void {
        this.byMarker.set(strand.marker, strand);
        for (const name of names) this.byName.set(name, strand);
    }

    /** Whose request it is, by a name that is known or by the marker in what it sends; names that come with it are known from then on. */
    of(names: string[], body: string): Strand | null {
        let strand = names.map((name) => this.byName.get(name)).find((s) => s !== undefined);
        strand ??= this.byMarker.get(/matrix-[0-9a-f]{12}/.exec(body)?.[0] ?? '');
        if (!strand) return null;
        for (const name of names) this.byName.set(name, strand);
        // What a key stands for is the only document that names a job before anything of it is stored.
        for (const [, id] of body.matchAll(/"jobId":"([^"]+)"/g)) this.byName.set(id!, strand);
        return strand;
    }
}
