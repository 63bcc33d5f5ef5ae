// A partition's outcomes in memory, with the ways in which real storage surprises: an answer lost after the append, an append refused for a reason or for
// none, the check of the position left out.
import { RestError } from '@azure/storage-blob';
import type { OutcomesStore } from '../../src/activities/processSlice/partitionWriter';
import { readOutcomeHead } from '../../src/items/outcomeLines';
import { troubleOf } from '../../src/storage/trouble';

export class MemoryOutcomes {
    segments = new Map<number, { data: Buffer; blocks: number }>();
    loseNextAnswer = false;
    checkPosition = true;
    /** What the next appends are answered instead of being done, one after the other. */
    answers: (Error | 'refused')[] = [];
    appends = 0;
    private gate: { opened: Promise<void>; open: () => void } | null = null;

    /** Appends are not answered until `release`. */
    hold(): void {
        let open = (): void => undefined;
        const opened = new Promise<void>((resolve) => (open = resolve));
        this.gate = { opened, open };
    }
    release(): void {
        this.gate?.open();
        this.gate = null;
    }

    /** What storage holds now; what is done to either does not show in the other. */
    copy(): MemoryOutcomes {
        const copy = new MemoryOutcomes();
        for (const [segment, { data, blocks }] of this.segments) copy.segments.set(segment, { data, blocks });
        return copy;
    }

    /** The first segment's bytes. */
    get data(): Buffer | null {
        return this.segments.get(0)?.data ?? null;
    }
    set data(bytes: Buffer) {
        this.segments.get(0)!.data = bytes;
    }

    readonly store: OutcomesStore = {
        createOutcomes: async (_job, _part, segment = 0) => {
            if (this.segments.has(segment)) return false;
            this.segments.set(segment, { data: Buffer.alloc(0), blocks: 0 });
            return true;
        },
        appendOutcomes: async (_job, _part, segment, position, lines) => {
            this.appends++;
            await this.gate?.opened;
            const answer = this.answers.shift();
            if (answer === 'refused') return null;
            if (answer) throw answer;
            const blob = this.segments.get(segment);
            if (!blob) throw new RestError('no such blob', { statusCode: 404 });
            if (this.checkPosition && position !== blob.data.length) return null;
            blob.data = Buffer.concat([blob.data, lines]);
            blob.blocks++;
            if (!this.loseNextAnswer) return { blocks: blob.blocks };
            // The client of storage repeats a request that got no answer: the repeat meets its own lines.
            this.loseNextAnswer = false;
            return null;
        },
        readSegment: (_job, _part, segment, offset) => bytesFrom(this.segments.get(segment)?.data, offset ?? 0),
        measureSegment: async (_job, _part, segment) => {
            const blob = this.segments.get(segment);
            return blob ? { bytes: blob.data.length, blocks: blob.blocks } : null;
        },
        diagnose: async (error) => troubleOf(error),
    };

    text(): string {
        return [...this.segments.values()].map((s) => s.data.toString()).join('');
    }

    recorded(): number[] {
        return this.text()
            .split('\n')
            .map((l) => readOutcomeHead((bytes) => l.slice(0, bytes))?.index)
            .filter((i) => i !== undefined);
    }
}

async function* bytesFrom(data: Buffer | undefined, offset: number): AsyncGenerator<Buffer> {
    if (data && data.length > offset) yield data.subarray(offset);
}
