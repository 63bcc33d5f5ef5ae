// Storage of registers, in memory: some milliseconds a request, whole seconds in its `Date`, and at most one writer is first.
import type { Register } from '../../src/core/limiter/state';
import type { RegisterStore } from '../../src/activities/limits/limiterAgent';
import type { World } from './world';

/** When the world began, by storage's clock: no process knows that. */
const EPOCH = 1_790_000_000_000;
const REQUEST_MS = [5, 20] as const;
/** How long a request is waited for while storage is away. */
const TIMES_OUT_MS = 1_000;

export class SimulatedStore implements RegisterStore {
    private readonly blobs = new Map<string, { register: Register; version: number }>();
    private versions = 0;
    isAway = false;
    /** The part of answers that are lost. */
    losing = 0;
    requests = 0;
    refused = 0;
    largest = 0;

    constructor(private readonly world: World) {}

    read(name: string, etag: string | null): ReturnType<RegisterStore['read']> {
        return this.request(() => {
            const blob = this.blobs.get(name);
            const date = Math.floor((EPOCH + this.world.now) / 1_000) * 1_000;
            if (!blob) return { found: 'none' as const, date };
            if (String(blob.version) === etag) return { found: 'same' as const, date };
            return { found: 'register' as const, register: blob.register, etag: String(blob.version), date };
        });
    }

    replace(register: Register, etag: string | null): ReturnType<RegisterStore['replace']> {
        return this.request(() => {
            const blob = this.blobs.get(register.name);
            if ((blob ? String(blob.version) : null) !== etag) {
                this.refused++;
                return { written: false as const };
            }
            // As it would be read again: what JSON cannot say must not count.
            const text = JSON.stringify(register);
            this.largest = Math.max(this.largest, text.length);
            this.blobs.set(register.name, { register: JSON.parse(text) as Register, version: ++this.versions });
            return { written: true as const, etag: String(this.versions) };
        });
    }

    registerOf(name: string): Register | undefined {
        return this.blobs.get(name)?.register;
    }

    private request<T>(act: () => T): Promise<T> {
        this.requests++;
        const ms = this.world.between(...REQUEST_MS);
        return new Promise((resolve, reject) => {
            const fail = (why: string) => this.world.settles(TIMES_OUT_MS, () => reject(new Error(why)));
            this.world.after(ms / 2, () => {
                if (this.isAway) return fail('storage is away');
                const answer = act();
                if (this.world.chance() < this.losing) return fail('the answer was lost');
                this.world.settles(ms / 2, () => resolve(answer));
            });
        });
    }
}
