// Of several who change one document at once, one is refused time and again.
import { problem } from '../core/errors';
import { isStatus } from '../storage/trouble';

/** What is told to whoever was refused; any other error is thrown as it is. `what`: what was to be changed. */
export const othersFirst =
    (what: string) =>
    (error: unknown): never => {
        if (!isStatus(error, 409, 412)) throw error;
        const detail = `Others are changing the same ${what}; nothing of this change was done.`;
        throw problem('STORAGE_UNAVAILABLE', { detail, headers: { 'retry-after': '1' } });
    };
