// A host that the tests of one file kill again and again, and the targets that its jobs call.
import { isUnavailable, type RetryOptions } from '../../src/client';
import { startHost, type RunningHost } from '../support/host';
import { observedTarget, type ObservedOptions, type ObservedTarget } from '../support/observedTarget';
import { DEADLINE_MS } from '../support/until';
import { guaranteesApp } from './support';

/** What is asked of a host is asked for again where it died with the request: it may have been done, and is done once. */
export const again: RetryOptions = { forMs: DEADLINE_MS, on: isUnavailable };

export interface KilledHost {
    readonly host: RunningHost;
    readonly targets: readonly ObservedTarget[];
    /** A target that is stopped when the file is through. */
    observe(options: ObservedOptions): Promise<ObservedTarget>;
    /** Kills the host, and starts it again. */
    restart(): Promise<void>;
}

export function useKilledHost(): KilledHost {
    let host: RunningHost | undefined;
    const targets: ObservedTarget[] = [];
    beforeAll(async () => void (host = await startHost({ app: guaranteesApp })));
    afterAll(async () => {
        await host?.stop();
        await Promise.all(targets.map((target) => target.stop()));
    });
    return {
        get host() {
            return host!;
        },
        targets,
        async observe(options) {
            const target = await observedTarget(options);
            targets.push(target);
            return target;
        },
        async restart() {
            await host!.kill9();
            await host!.restart();
        },
    };
}
