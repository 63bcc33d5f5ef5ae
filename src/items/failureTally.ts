// Counts failed items by their kind, as they come: in a slice, and in the fold.
import { earlier, isBefore, later, mostFrequent, sampleText, type FailureGroup, type FailureSample } from '../core/failures';
import { FailureKinds, UNKNOWN } from './fingerprint';
import { plainKey, type ItemKey } from './itemKey';

/** A failed item, as its outcome has it. */
export interface FailedItem {
    index: number;
    key: ItemKey | null;
    /** ISO; null where its line is torn. */
    at: string | null;
    status?: number | undefined;
    error?: { code: string; message: string } | undefined;
    /** Method and URL of the last call. */
    request?: string | undefined;
    /** Its output as JSON text, if it has one. Asked for only where the item is a sample. */
    output: () => string | undefined;
}

/** Counts exactly, as long as there are no more than `most` kinds; beyond that the sum stays exact. Holds at most twice as many. */
export class FailureTally {
    private kinds = new Map<string, FailureGroup>();
    private others: FailureGroup[] = [];
    private readonly finder = new FailureKinds();

    constructor(private readonly most: number) {}

    add(item: FailedItem): void {
        const kind = this.finder.ofItem(item);
        const known = this.kinds.get(kind.fingerprint);
        if (!known) {
            if (this.kinds.size >= this.most * 2) this.cut();
            this.kinds.set(kind.fingerprint, { ...kind, count: 1, firstAt: item.at, lastAt: item.at, sample: sampleOf(item) });
            return;
        }
        // No other has this group: `groups` gives copies.
        known.count++;
        known.firstAt = earlier(known.firstAt, item.at);
        known.lastAt = later(known.lastAt, item.at);
        if (isBefore(item, known.sample)) known.sample = sampleOf(item);
    }

    /** At most so many kinds, the most frequent, and one group for all others. */
    groups(most = this.most): FailureGroup[] {
        return mostFrequent([...this.kinds.values(), ...this.others], most).map((group) => ({ ...group }));
    }

    private cut(): void {
        const groups = mostFrequent([...this.kinds.values(), ...this.others], this.most);
        this.others = groups.splice(this.most);
        this.kinds = new Map(groups.map((group) => [group.fingerprint, group]));
    }
}

function sampleOf({ index, key, at, status, error = UNKNOWN, request, output }: FailedItem): FailureSample {
    const answer = answerOf(output());
    return {
        ...{ index, key: sampleKey(plainKey(key)), at },
        ...(status === undefined ? {} : { status }),
        message: sampleText(error.message),
        ...(request === undefined ? {} : { request: sampleText(request) }),
        ...(answer ? { answer: sampleText(answer) } : {}),
    };
}

const sampleKey = (key: string | number | null): string | number | null => (typeof key === 'string' ? sampleText(key) : key);

/** An output that is a text is shown as it came; any other, and one that is torn, as it stands. */
function answerOf(json: string | undefined): string {
    if (json === undefined || json === 'null') return '';
    if (!json.startsWith('"')) return json;
    try {
        return String(JSON.parse(json));
    } catch {
        return json;
    }
}
