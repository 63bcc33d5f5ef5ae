// Registers of limiters in memory, under their ETags, with storage's clock in whole seconds.
import type { RegisterStore } from '../../src/activities/limits/limiterAgent';
import { registerDocument } from '../../src/contracts/limiter';
import type { Register } from '../../src/core/limiter/state';

export class MemoryRegisters implements RegisterStore {
    private readonly blobs = new Map<string, { text: string; version: number }>();
    private versions = 0;
    reads = 0;
    writes = 0;
    /** When a breaker opened, in ms of the test's clock. */
    readonly openings: number[] = [];

    constructor(private readonly now: () => number) {}

    async read(name: string, etag: string | null): ReturnType<RegisterStore['read']> {
        this.reads++;
        const date = EPOCH + Math.floor(this.now() / 1_000) * 1_000;
        const blob = this.blobs.get(name);
        if (!blob) return { found: 'none', date };
        if (String(blob.version) === etag) return { found: 'same', date };
        return { found: 'register', register: this.of(name)!, etag: String(blob.version), date };
    }

    async replace(register: Register, etag: string | null): ReturnType<RegisterStore['replace']> {
        this.writes++;
        const blob = this.blobs.get(register.name);
        if ((blob ? String(blob.version) : null) !== etag) return { written: false };
        if (register.breaker && !this.of(register.name)?.breaker) this.openings.push(this.now());
        this.blobs.set(register.name, { text: JSON.stringify(registerDocument.write(register)), version: ++this.versions });
        return { written: true, etag: String(this.versions) };
    }

    /** What stands there of a limiter; null: nothing. */
    of(name: string): Register | null {
        const blob = this.blobs.get(name);
        return blob ? registerDocument.read(JSON.parse(blob.text)) : null;
    }
}

/** Storage's clock when the test's begins. */
const EPOCH = 1_790_000_000_000;
