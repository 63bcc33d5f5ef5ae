// For a test file that asks the API: each of its requests is held against the API document, and what it has used of that is recorded.
import { ApiCheck } from './apiCheck';
import { checkedFetch, type Fetch } from './checkedFetch';
import { apiDocument } from './document';
import { writeRecord } from './records';

let check: ApiCheck | undefined;
const theCheck = (): ApiCheck => (check ??= new ApiCheck(apiDocument()));

/**
 * What does not fit fails the test in which it was asked. Tests that run at the same time have no `afterEach`: what they find fails the file.
 * `test/apiDocument` finds the files that leave records by their call of this, or of `useHost`.
 */
export function holdDocument(): void {
    const fail = async () => {
        const misfits = await theCheck().takeMisfits();
        if (misfits.length > 0) throw new Error(`openapi.json and the API say different things.\n${misfits.join('\n')}`);
    };
    afterEach(fail);
    afterAll(async () => {
        await fail();
        writeRecord(expect.getState().testPath!, theCheck().document.digest, theCheck().uses);
    });
}

/** A `fetch` for the API of a host; `base` is its URL without /api. */
export const documentedFetch = (base: () => string): Fetch => checkedFetch(theCheck(), base);

/** For a request that no `fetch` can send: both are held against the document all the same. */
export const judge: ApiCheck['judge'] = (sent, head) => theCheck().judge(sent, head);
