/**
 * Bytes that come in pieces, in one buffer: a sender may cut them so small that an object for each piece takes a hundred times their room.
 * The first piece is not copied, for most come alone.
 */
export class Gathered {
    length = 0;
    private held: Buffer | null = null;

    add(piece: Uint8Array): void {
        const length = this.length + piece.length;
        if (!this.held) this.held = Buffer.from(piece.buffer, piece.byteOffset, piece.length);
        else {
            // Never into the first piece, which is another's: it has no room left.
            if (length > this.held.length) this.held = this.larger(length);
            this.held.set(piece, this.length);
        }
        this.length = length;
    }

    /** All of them. */
    get bytes(): Buffer {
        return this.held?.subarray(0, this.length) ?? Buffer.alloc(0);
    }

    private larger(length: number): Buffer {
        const buffer = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.length, 4096));
        this.held?.copy(buffer, 0, 0, this.length);
        return buffer;
    }
}
