// The items of one partition while they are worked: one buffer, and where each of them stands in it.
import { giveBuffer } from '../../storage/buffers';

const NEWLINE = 0x0a;
const NOTHING = Buffer.alloc(0);

export class PartitionItems {
    private data: Buffer = NOTHING;
    private starts = new Uint32Array(0);

    constructor(private readonly count: number) {}

    /** Takes the items, one JSON text a line, in a buffer that is given back when they are not needed any more. */
    load(data: Buffer): void {
        this.data = data;
        this.starts = new Uint32Array(this.count + 1);
        let at = 0;
        for (let i = 0; i < this.count; i++) {
            this.starts[i] = at;
            at = data.indexOf(NEWLINE, at) + 1;
        }
        this.starts[this.count] = at;
    }

    /** Gives the memory back. */
    unload(): void {
        if (this.data !== NOTHING) giveBuffer(this.data);
        this.data = NOTHING;
    }

    /** The JSON text of the item at this place of the partition, counted from 0. */
    text(place: number): string {
        return this.data.toString('utf8', this.starts[place], this.starts[place + 1]! - 1);
    }
}
