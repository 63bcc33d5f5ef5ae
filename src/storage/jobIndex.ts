// The list of jobs, newest first: one small blob a job, named by the inverted time of its creation.
import { indexDocument, type IndexEntry } from '../contracts/documents';
import { blobs } from '../contracts/names';
import { isStatus, type JobStore } from './jobStore';

/** Where a listing goes on: in the page that `page` opens, behind the blob `after`. */
export interface ListPosition {
    page?: string | undefined;
    after?: string | undefined;
}

export const writeIndex = (store: JobStore, entry: IndexEntry): Promise<void> =>
    store.writeDocument(indexDocument, blobs.index(Date.parse(entry.createdAt), entry.id), entry);

const PAGE = 100;
const AT_ONCE = 20;

/** Entries created between the two times (ms), in groups that are read together; each with the position behind it. */
export async function* readIndex(
    store: JobStore,
    from: ListPosition,
    created: { after: number; before: number },
): AsyncGenerator<{ entry: IndexEntry; position: ListPosition }[]> {
    let page = from.page;
    let after = from.after ?? '';
    const pages = () =>
        store.container.listBlobsFlat({ prefix: 'index/' }).byPage({ maxPageSize: PAGE, ...(page ? { continuationToken: page } : {}) });
    for await (const answer of pages()) {
        const found = answer.segment.blobItems.map((blob) => blob.name).filter((name) => name > after && timeOf(name) < created.before);
        for (let i = 0; i < found.length; i += AT_ONCE) {
            const group = await Promise.all(
                found
                    .slice(i, i + AT_ONCE)
                    .map(async (name) => ({ entry: await store.readDocument(indexDocument, name), position: { page, after: name } })),
            );
            yield group.flatMap(({ entry, position }) => (entry && timeOf(position.after) > created.after ? [{ entry, position }] : []));
            if (timeOf(found[i]!) <= created.after) return;
        }
        [page, after] = [answer.continuationToken || undefined, ''];
    }
}

const timeOf = (name: string): number => 9_999_999_999_999 - Number(/^index\/(\d+)-/.exec(name)?.[1] ?? 0);

/** True when the error says that a continuation token is not one of this listing. */
export const isBadPosition = (error: unknown): boolean => isStatus(error, 400);
