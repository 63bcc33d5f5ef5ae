// The job spec that options make, over one that was given whole.
import { parseExact } from '../../json/exactJson';
import { badSpec, CliError } from '../errors';
import { isFields, type Fields } from './specText';

export const methods = ['post', 'put', 'patch', 'get', 'head', 'delete'] as const;
type Method = (typeof methods)[number];

/** Options of `run` that say something of the spec. */
export interface SpecOptions extends Partial<Record<Method, string>> {
    processor?: string;
    options?: string;
    header?: string[];
    body?: string;
    success?: string;
    var?: Record<string, string>;
    format?: string;
    key?: string;
    concurrency?: string;
    rate?: string[];
    limiter?: string;
    canary?: string;
    approval?: string;
    budget?: string;
    budgetThen?: string;
    attempts?: string;
    deadline?: string;
    startAt?: string;
    name?: string;
    tag?: Record<string, string>;
    onInvalid?: string;
    keep?: string;
}

/** Whether any option says something of the spec: otherwise a given one is sent as it is. */
export const saysAnything = (options: SpecOptions): boolean =>
    fieldsOf(options).length > 0 || called(options).length > 0 || hasHttpParts(options);

/** Options win over what the spec has. The source is put in by whoever has it. @throws CliError */
export function assembleSpec(given: Fields | null, options: SpecOptions): Fields {
    const spec: Fields = { ...given };
    const process = processOf(spec.process, options);
    if (process) spec.process = process;
    for (const [path, value] of fieldsOf(options)) put(spec, path, value);
    return spec;
}

/** How the file of a given spec is read holds for another file too. */
export function withSource(spec: Fields, upload: string, format: string | undefined): Fields {
    const before = isFields(spec.source) ? spec.source : {};
    const reading = {
        ...(before.format === undefined ? {} : { format: before.format }),
        ...(before.csv === undefined ? {} : { csv: before.csv }),
    };
    return { ...spec, source: { upload, ...reading, ...(format === undefined ? {} : { format }) } };
}

type Path = readonly [string, ...string[]];

/** What single options put where. */
function fieldsOf(o: SpecOptions): [Path, unknown][] {
    const percent = o.budget?.endsWith('%');
    const fields: [Path, unknown][] = [
        [['key'], o.key],
        [['name'], o.name],
        [['limiter'], o.limiter],
        [['deadline'], o.deadline],
        [['startAt'], o.startAt],
        [['onInvalid'], o.onInvalid],
        [['results', 'keep'], o.keep],
        [['rate'], o.rate && (o.rate.length === 1 ? o.rate[0] : o.rate)],
        [['concurrency', 'max'], numberOf('--concurrency', o.concurrency, '1 to 512')],
        [['retry', 'attempts'], numberOf('--attempts', o.attempts, '1 to 20')],
        [['canary', 'items'], numberOf('--canary', o.canary, '1 to 10000')],
        [['canary', 'approval'], o.approval],
        [
            ['budget', percent ? 'percent' : 'failures'],
            numberOf('--budget', percent ? o.budget!.slice(0, -1) : o.budget, 'items, such as 100, or a share, such as 5%'),
        ],
        [['budget', 'then'], o.budgetThen],
        ...Object.entries(o.tag ?? {}).map(([name, value]): [Path, unknown] => [['tags', name], value]),
    ];
    return fields.filter(([, value]) => value !== undefined);
}

/** Its bounds are the API's to tell; that it is a number is asked for here. */
function numberOf(option: string, text: string | undefined, allowed: string): number | undefined {
    if (text === undefined) return undefined;
    if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
    throw badSpec(`${option}: "${text}" is no number; allowed: ${allowed}.`);
}

function put(spec: Fields, [first, ...rest]: Path, value: unknown): void {
    const [second, ...more] = rest;
    if (second === undefined) return set(spec, first, value);
    // What is no object is refused by the API, by its place: it is not replaced here.
    const inner: unknown = Object.hasOwn(spec, first) ? spec[first] : {};
    if (!isFields(inner)) return;
    const copy = { ...inner };
    put(copy, [second, ...more], value);
    set(spec, first, copy);
}

/** Also for a name that would set the prototype. */
const set = (fields: Fields, name: string, value: unknown): void =>
    void Object.defineProperty(fields, name, { value, enumerable: true, configurable: true, writable: true });

const called = (options: SpecOptions): Method[] => methods.filter((method) => options[method] !== undefined);
const hasHttpParts = ({ header, body, success, var: vars }: SpecOptions): boolean => Boolean(header ?? body ?? success ?? vars);

/** What is done with an item; undefined: options say nothing of it. */
function processOf(given: unknown, options: SpecOptions): Fields | undefined {
    const [method, second] = called(options);
    if (second) throw new CliError(`--${method} and --${second}: an item is called in one way.`);
    if (options.processor !== undefined || options.options !== undefined) {
        if (method || hasHttpParts(options))
            throw new CliError('--processor does not go with a URL to call, its headers, body, variables or success.');
        const before = isFields(given) && 'processor' in given ? given : {};
        const processor = options.processor ?? before.processor;
        if (processor === undefined) throw new CliError('--options is for a processor: name it with --processor.');
        const asked =
            options.options === undefined
                ? processor === before.processor
                    ? before.options
                    : undefined
                : jsonOption('--options', options.options);
        return { ...before, processor, ...(asked === undefined ? {} : { options: asked }) };
    }
    if (!method && !hasHttpParts(options)) return undefined;
    const before = isFields(given) && isFields(given.http) ? given.http : {};
    const url = method ? options[method] : before.url;
    if (url === undefined)
        throw badSpec('--header, --body, --var and --success are for a URL that is called.', 'Name it, for example with --post URL.');
    const http: Fields = { ...before, url, ...(method ? { method: method.toUpperCase() } : {}) };
    if (options.body !== undefined) http.body = options.body;
    if (options.success !== undefined) http.success = options.success;
    if (options.var) http.vars = { ...(isFields(before.vars) ? before.vars : {}), ...options.var };
    if (options.header) http.headers = { ...(isFields(before.headers) ? before.headers : {}), ...headersOf(options.header) };
    return { http };
}

function headersOf(texts: string[]): Fields {
    return Object.fromEntries(
        texts.map((text) => {
            const at = text.indexOf(':');
            if (at < 1) throw badSpec(`--header: "${text}" is no header; write it as 'name: value', or 'name: secret:NAME'.`);
            const value = text.slice(at + 1).trim();
            return [text.slice(0, at).trim(), value.startsWith('secret:') ? { secret: value.slice('secret:'.length).trim() } : value];
        }),
    );
}

function jsonOption(option: string, text: string): unknown {
    try {
        return parseExact(text);
    } catch (error) {
        throw badSpec(`${option} is no JSON: ${(error as Error).message}.`);
    }
}
