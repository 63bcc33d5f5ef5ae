// Large buffers to be used again. Made anew for every block and partition, they outlive the quick collections of young memory and pile up, tens of
// megabytes of them, until a full one.

const SMALLEST = 64 * 1024;
/** Bytes that are kept at most. */
const KEPT = 32 * 1024 * 1024;

const free = new Map<number, Buffer[]>();
let kept = 0;

/** A buffer of at least so many bytes, with anything in it. */
export function takeBuffer(bytes: number): Buffer {
    const size = 2 ** Math.ceil(Math.log2(Math.max(bytes, SMALLEST)));
    const buffer = free.get(size)?.pop();
    if (!buffer) return Buffer.allocUnsafeSlow(size);
    kept -= size;
    return buffer;
}

/** Gives back what `takeBuffer` gave, named by any part of it. Nobody may hold another part. */
export function giveBuffer(part: Uint8Array | Int32Array): void {
    const buffer = Buffer.from(part.buffer);
    const size = buffer.length;
    if (size < SMALLEST || kept + size > KEPT) return;
    kept += size;
    const others = free.get(size);
    if (others) others.push(buffer);
    else free.set(size, [buffer]);
}
