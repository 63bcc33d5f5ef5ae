// The recordings, and what two runs of the same functions can never have in common taken out of them: times, ids, keys, the machine.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const folder = path.resolve(__dirname, '../golden');
export const goldenApp = path.resolve(__dirname, '../fixtures/golden-app');

export interface Episode {
    trigger: { history: HistoryEvent[]; instanceId: string; [field: string]: unknown };
    answer: Answer;
}
export interface HistoryEvent {
    EventType: number;
    Name?: string;
    Input?: string;
    [field: string]: unknown;
}
export interface Answer {
    isDone?: boolean;
    actions?: unknown[][];
    output?: unknown;
    thrown?: string;
    [field: string]: unknown;
}
export interface Invocation {
    req: {
        invocationId: string;
        metadata: { name: string; bindings: Record<string, { type: string }>; [field: string]: unknown };
        request: {
            inputData: { name: string; data: { string?: string; [kind: string]: unknown } }[];
            triggerMetadata: Record<string, { string?: string; json?: string }>;
            [field: string]: unknown;
        };
    };
    res?: { returnValue?: Record<string, unknown>; outputData: unknown[] };
    thrown?: string;
}

export const golden = <T>(name: string): T => JSON.parse(readFileSync(path.join(folder, `${name}.json`), 'utf8')) as T;
export const scenarios = readdirSync(path.join(folder, 'orchestrations')).map((file) => path.basename(file, '.json'));
export const episodesOf = (scenario: string): Episode[] => golden(`orchestrations/${scenario}`);
export const functionOf = (scenario: string): string => scenario.replace(/-\d+$/, '');

/** What an orchestrator returns or throws, as one value: a throw carries its state behind a mark. */
export function answered(answer: Answer): unknown {
    if (answer.thrown === undefined) return answer;
    const [text, state] = answer.thrown.split('$OutOfProcData$:');
    return { thrown: text, state: JSON.parse(state ?? 'null') as unknown };
}

const times = new Set([
    'timestamp',
    'fireat',
    'predecessor',
    'requesttime',
    'starttime',
    'duration',
    'scheduledtime',
    'createdtime',
    'lastupdatedtime',
    'lastoperationtime',
]);
/** What .NET says of itself in an exception. */
const dotnet = new Set(['StackTrace', 'RemoteStackTrace', 'Source', 'HResult', '$type']);
const ID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}/g;

/**
 * Masks a value: times become `T`; ids `#1`, `#2`, in the order in which they first come up, so that what was equal stays equal; JSON in a text is
 * read; a failure's stack is cut. Everything else stays.
 */
export function masker(): (value: unknown) => unknown {
    const ids = new Map<string, string>();
    const id = (text: string) => ids.get(text) ?? ids.set(text, `#${ids.size + 1}`).get(text)!;
    const mask = (value: unknown, key = ''): unknown => {
        if (times.has(key.toLowerCase())) return 'T';
        if (dotnet.has(key) && !String(value).startsWith('Microsoft.Azure.WebJobs.Extensions.DurableTask.')) return 'of .NET';
        if (Array.isArray(value)) return value.map((v) => mask(v));
        if (typeof value === 'object' && value !== null)
            return Object.fromEntries(Object.entries(value).map(([k, v]): [string, unknown] => [k.replaceAll(ID, id), mask(v, k)]));
        if (typeof value !== 'string') return value;
        if (/^[{[]/.test(value)) {
            try {
                return { json: mask(JSON.parse(value)) };
            } catch {
                // A text that only begins like JSON.
            }
        }
        return value
            .replace(/( failed: {2}.* \n )\{[^]*/, '$1{…}')
            .replace(/\nStack: [^]*/, '\nStack: …')
            .replace(/(StackTrace: )[^]*/, '$1…')
            .replaceAll(ID, id);
    };
    return mask;
}
