// What an orchestrator asked for: the action tree of its answer, flattened to leaves in the order in which the SDK numbers them.

export interface Action {
    actionType: number;
    functionName?: string;
    instanceId?: string;
    input?: unknown;
    retryOptions?: unknown;
    fireAt?: string;
    isCanceled?: boolean;
    operation?: string;
    compoundActions?: Action[];
    [field: string]: unknown;
}

export const ActionType = {
    Activity: 0,
    ActivityRetry: 1,
    Child: 2,
    ChildRetry: 3,
    ContinueAsNew: 4,
    Timer: 5,
    ExternalEvent: 6,
    CallEntity: 7,
    Http: 8,
    SignalEntity: 9,
    Any: 11,
    All: 12,
    Lock: 13,
    Release: 14,
} as const;

export interface Answer {
    isDone: boolean;
    actions: Action[][];
    output?: unknown;
    customStatus?: unknown;
    error?: string;
    /** Set by this host: the orchestration fails at once, whatever is open. */
    fatal?: string;
}

export function leavesOf(actions: Action[]): Action[] {
    return actions.flatMap((a) => (a.compoundActions ? leavesOf(a.compoundActions) : [a]));
}

/** What this host does not do, by name; null when it does. */
export function unsupported(action: Action): string | null {
    if (action.actionType === ActionType.Http) return 'callHttp';
    return Object.values(ActionType).includes(action.actionType as never) ? null : `action type ${action.actionType}`;
}

/** Bare booleans reach an activity as text on the real host, and not as JSON; everything else as its JSON. */
export function activityInput(input: unknown): string {
    if (typeof input === 'boolean') return input ? 'True' : 'False';
    return quoted(input);
}

/** The input of an activity or of continueAsNew as JSON text: strings come quoted already. */
export const quoted = (input: unknown): string => (typeof input === 'string' ? input : JSON.stringify(input ?? null));

/** Leaves that the orchestrator yields a second time: the same object stands in the tree twice. */
export function yieldedAgain(leaves: Action[]): Action[] {
    const seen = new Set<Action>();
    return leaves.filter((a) => seen.size === seen.add(a).size);
}

/** An orchestrator that threw: the SDK puts its state behind this mark in the message. */
const MARK = '$OutOfProcData$:';

export function answerOf(thrown: unknown): Answer | null {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    const at = message.indexOf(MARK);
    return at < 0 ? null : (JSON.parse(message.slice(at + MARK.length)) as Answer);
}
