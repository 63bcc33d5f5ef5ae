// What a schema cannot say of a job spec: whether it can run here.
import { compile, TreeInterpreter, type JSONValue } from '@jmespath-community/jmespath';
import type { FieldError } from '../core/errors';
import { formatOf, formats, pointer, type JobSpec } from '../core/spec';
import { checkHttp } from '../processors/http';
import { findProcessor, processorNames } from '../processors';
import { MAX_ITEM_BYTES } from '../sources/types';
import { resolveSecret } from '../settings';
import { isStatus, type JobStore } from '../storage/jobStore';
import { readUpload } from '../storage/uploads';

/** Problems of one kind that an answer lists: a wrong key would otherwise repeat itself for every item. */
const LISTED = 20;

export async function checkSpec(spec: JobSpec, store: JobStore): Promise<FieldError[]> {
    return [...checkProcess(spec), ...checkItems(spec), ...(await checkSource(spec, store))];
}

function checkProcess({ process }: JobSpec): FieldError[] {
    if ('http' in process) return [...checkHttp(process.http), ...checkSecrets(process.http.headers)];
    const processor = findProcessor(process.processor);
    if (!processor)
        return [
            {
                pointer: '/process/processor',
                message: `there is no processor "${process.processor}"`,
                allowed: processorNames().join(', '),
            },
        ];
    const options = processor.options.safeParse(process.options);
    if (options.success) return [];
    return options.error.issues.map((issue) => ({ pointer: pointer(['process', 'options', ...issue.path]), message: issue.message }));
}

type Headers = Extract<JobSpec['process'], { http: unknown }>['http']['headers'];

function checkSecrets(headers: Headers): FieldError[] {
    return Object.entries(headers).flatMap(([name, value]) =>
        typeof value === 'string' || resolveSecret(value.secret) !== undefined
            ? []
            : [
                  {
                      pointer: pointer(['process', 'http', 'headers', name, 'secret']),
                      message: `there is no secret "${value.secret}"`,
                      allowed: 'the name of an app setting that is not the platform’s own',
                  },
              ],
    );
}

/** Inline items and the key. Items of a file are looked at when the job is planned, and so are all when bad ones are to be skipped. */
export function checkItems({ source, key, onInvalid }: Pick<JobSpec, 'source' | 'key' | 'onInvalid'>): FieldError[] {
    let keyOf: ((item: JSONValue) => unknown) | null = null;
    if (key !== undefined) {
        try {
            const ast = compile(key);
            keyOf = (item) => TreeInterpreter.search(ast, item);
        } catch (error) {
            return [{ pointer: '/key', message: `not a JMESPath expression: ${(error as Error).message}` }];
        }
    }
    const errors: FieldError[] = [];
    for (const [i, item] of 'items' in source && onInvalid === 'reject' ? source.items.entries() : []) {
        if (errors.length === LISTED) break;
        const at = pointer(['source', 'items', i]);
        const bytes = Buffer.byteLength(JSON.stringify(item));
        if (bytes > MAX_ITEM_BYTES)
            errors.push({ pointer: at, message: `the item has ${bytes} bytes`, allowed: `at most ${MAX_ITEM_BYTES}` });
        const found = keyOf && isKey(() => keyOf(item));
        if (found === false)
            errors.push({ pointer: at, message: 'the key is missing in this item', allowed: `a string or a number at "${key}"` });
    }
    return errors;
}

/** True for what can name an item: a string that is not empty and not longer than a header bears, or a number. */
function isKey(read: () => unknown): boolean {
    try {
        const key = read();
        return typeof key === 'number' || (typeof key === 'string' && key.length > 0 && key.length <= 1024);
    } catch (error) {
        // A function of the expression that does not take this item's types: this item has no key.
        return error === undefined;
    }
}

async function checkSource({ source }: JobSpec, store: JobStore): Promise<FieldError[]> {
    if ('items' in source) return [];
    if ('upload' in source) {
        const upload = await readUpload(store, source.upload);
        if (!upload)
            return [
                { pointer: '/source/upload', message: `there is no upload "${source.upload}"`, allowed: 'the id of a complete upload' },
            ];
        if (!upload.complete)
            return [
                {
                    pointer: '/source/upload',
                    message: `the upload is not complete: ${upload.bytes} of ${upload.length} bytes`,
                    allowed: 'the id of a complete upload',
                },
            ];
        return checkFormat(formatOf(source.format, upload.name), 'upload');
    }
    try {
        await store.container.getBlobClient(source.blob).getProperties();
    } catch (error) {
        if (!isStatus(error, 404, 400)) throw error;
        return [
            {
                pointer: '/source/blob',
                message: `there is no blob "${source.blob}" in the container`,
                allowed: `a path in the container "${store.container.containerName}"`,
            },
        ];
    }
    return checkFormat(formatOf(source.format, source.blob), 'blob');
}

const checkFormat = (format: string | null, what: string): FieldError[] =>
    format
        ? []
        : [{ pointer: '/source/format', message: `missing, and the name of the ${what} does not tell it`, allowed: formats.join(' | ') }];
