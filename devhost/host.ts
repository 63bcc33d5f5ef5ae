// The host process: loads the app, takes up the task hub, serves HTTP. Started by cli.ts, and ends with it.
import { randomBytes } from 'node:crypto';
import { DurableApi } from './durable/api';
import { Engine } from './durable/engine';
import { HubStore } from './durable/store';
import { App } from './core';
import { addressesOf, namesOf, onLoopback } from './doors';
import { Faults, strikePoints, type FaultPlan } from './faults';
import { HubInUse, HubLock } from './lock';
import { HttpFront } from './http';
import { CANNOT_START, readHostSettings, START_AGAIN } from './settings';
import { startTimers } from './timers';

export interface HostStart {
    app: string;
    port: number;
    /** Where it listens, as --host says, and by which further names it may be called. */
    host: string;
    allowedHosts: string[];
    auth: boolean;
    storage: string;
    /** How the last host process ended, when its supervisor lived on, and which activities it ran then. */
    workerDeath: { how: string; running: string[] } | null;
    faults: FaultPlan | null;
    /** How many host processes this supervisor has started, this one included. */
    life: number;
}

const quiet = new Set(['trace', 'debug']);
const log = (level: string, _category: string, message: string) => {
    if (!quiet.has(level)) console.log(`[${new Date().toISOString()}] ${level === 'information' ? '' : `${level}: `}${message}`);
};

async function run(start: HostStart): Promise<void> {
    const settings = readHostSettings(start.app);
    process.chdir(start.app);
    const app = new App(start.app, log);
    const restart = (why: string) => {
        console.error(`The host process starts again: ${why}.`);
        process.exit(START_AGAIN);
    };
    const lock = await HubLock.take(start.storage, settings.hub, {
        taken: () => {
            console.error(`Another local host has taken the task hub "${settings.hub}"; this one ends.`);
            process.exit(CANNOT_START);
        },
        wentBack: () => restart('storage has lost what it had acknowledged'),
    });
    const store = await HubStore.open(start.storage, settings.hub);
    const faults = start.faults && new Faults(start.faults, start.life);
    if (faults) strikePoints(faults);
    await onLoopback(() => app.load());
    const engine = new Engine(app, store, {
        ...settings,
        log,
        workerDeath: start.workerDeath,
        faults,
        restart,
        onActivity: (key, runs) => void process.send?.({ activity: key, runs }),
    });
    let state: 'Running' | 'Initialized' = 'Initialized';
    const systemKey = start.auth ? randomBytes(24).toString('base64url') : null;
    const durable = new DurableApi(engine, settings.hub, start.port, systemKey);
    const front = new HttpFront(app, durable, {
        routePrefix: settings.routePrefix,
        auth: start.auth,
        names: namesOf(start.host, start.allowedHosts),
        state: () => state,
    });
    await front.listen(start.port, addressesOf(start.host));
    await engine.recover();
    const origin = `http://localhost:${start.port}`;
    const stopTimers = startTimers(app, durable.clientBinding(`http://127.0.0.1:${start.port}`), (m) => log('error', 'Host.Timers', m));
    state = 'Running';
    process.send?.({ ready: true, functions: front.describe(origin), key: start.auth ? front.key : null, systemKey });
    const stop = () => {
        stopTimers();
        engine.stop();
        front.close();
        const end = () => process.exit(0);
        Promise.allSettled([app.terminate(), lock.release()]).then(end, end);
    };
    process.on('SIGTERM', stop);
    process.on('message', (m) => (m === 'stop' ? stop() : undefined));
}

// Without its supervisor the host would be an orphan that holds the port and the hub.
process.on('disconnect', () => process.exit(1));
// Ctrl-C reaches the whole group; the supervisor decides.
process.on('SIGINT', () => undefined);
process.once('message', (start: HostStart) => {
    run(start).catch((error: unknown) => {
        const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
        process.send?.(
            {
                failed: taken
                    ? `Port ${start.port} is taken: another copy or another program listens there. Stop it, or choose a port with --port.`
                    : error instanceof HubInUse
                      ? error.message
                      : ((error as Error).stack ?? String(error)),
            },
            () => process.exit(CANNOT_START),
        );
    });
});
