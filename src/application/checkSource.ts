// Whether the source that a spec names is there and may be read, and which version of it stands there now.
import { wrongInSourceName } from '../core/blobName';
import type { FieldError } from '../core/errors';
import { formatOf, formats, type JobSpec, type Reading } from '../contracts/jobSpec';
import { readSettings } from '../settings';
import type { JobStore } from '../storage/jobStore';
import { findUpload } from './uploadAge';

export interface CheckedSource {
    errors: FieldError[];
    /** Of the file that the job will read, when there is one: the job reads this version or fails. */
    etag?: string;
}

export async function checkSource({ source }: Pick<JobSpec, 'source'>, store: JobStore): Promise<CheckedSource> {
    if ('items' in source) return { errors: [] };
    return 'upload' in source ? checkUpload(source, store) : checkBlob(source, store, readSettings().sourcePrefixes);
}

async function checkUpload({ upload: id, ...reading }: Reading & { upload: string }, store: JobStore): Promise<CheckedSource> {
    const upload = await findUpload(store, id);
    const refused = (message: string) => ({ errors: [{ pointer: '/source/upload', message, allowed: 'the id of a complete upload' }] });
    if (!upload) return refused(`there is no upload "${id}"`);
    if (!upload.complete) return refused(`the upload is not complete: ${upload.bytes} of ${upload.length} bytes`);
    return { errors: checkReading(reading, upload.name, 'upload'), ...(upload.etag ? { etag: upload.etag } : {}) };
}

async function checkBlob(
    { blob: name, ...reading }: Reading & { blob: string },
    store: JobStore,
    prefixes: string[],
): Promise<CheckedSource> {
    const refused = (message: string, allowed: string) => ({ errors: [{ pointer: '/source/blob', message, allowed }] });
    const allowed = prefixes.map((prefix) => `${prefix}…`).join(' or ');
    const wrong = wrongInSourceName(name, prefixes);
    if (wrong !== null) return refused(`the blob cannot be a source: ${wrong}`, allowed);
    const etag = await store.etagOf(name);
    if (etag === null) return refused(`there is no blob "${name}" in the container "${store.containerName}"`, allowed);
    return { errors: checkReading(reading, name, 'blob'), etag };
}

function checkReading({ format: given, csv }: Reading, name: string | undefined, what: string): FieldError[] {
    const format = formatOf(given, name);
    if (!format) {
        const tabs = /\.(tsv|tab)$/i.test(name ?? '') ? '. Tabs are not read as separators: save the file with commas, then name csv' : '';
        const message = `missing, and the name of the ${what} does not tell it${tabs}`;
        return [{ pointer: '/source/format', message, allowed: formats.join(' | ') }];
    }
    if (csv === undefined || format === 'csv') return [];
    return [
        { pointer: '/source/csv', message: `is for CSV, and the format of the ${what} is ${format}`, allowed: 'only with the format csv' },
    ];
}
