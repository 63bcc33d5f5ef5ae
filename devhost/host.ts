// The host process: loads the app, takes up the task hub, serves HTTP. Started by cli.ts, and ends with it.
import { DurableApi } from './durable/api';
import { Engine } from './durable/engine';
import { HubStore } from './durable/store';
import { App } from './core';
import { Faults, type FaultPlan } from './faults';
import { HubInUse, HubLock } from './lock';
import { HttpFront } from './http';
import { CANNOT_START, readHostSettings, START_AGAIN } from './settings';
import { startTimers } from './timers';

export interface HostStart {
    app: string;
    port: number;
    auth: boolean;
    storage: string;
    /** How the last host process ended, when its supervisor lived on, and which activities it ran then. */
    workerDeath: { how: string; running: string[] } | null;
    faults: FaultPlan | null;
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
    await app.load();
    const engine = new Engine(app, store, {
        ...settings,
        log,
        workerDeath: start.workerDeath,
        faults: start.faults && new Faults(start.faults),
        restart,
        onActivity: (key, runs) => void process.send?.({ activity: key, runs }),
    });
    let state: 'Running' | 'Initialized' = 'Initialized';
    const front = new HttpFront(app, new DurableApi(engine, settings.hub), {
        routePrefix: settings.routePrefix,
        auth: start.auth,
        state: () => state,
    });
    await listen(front, start.port);
    await engine.recover();
    const stopTimers = startTimers(app, (m) => log('error', 'Host.Timers', m));
    state = 'Running';
    const origin = `http://localhost:${start.port}`;
    process.send?.({ ready: true, functions: front.describe(origin), key: start.auth ? front.key : null });
    const stop = () => {
        stopTimers();
        engine.stop();
        front.server.close();
        front.server.closeAllConnections();
        void Promise.allSettled([app.terminate(), lock.release()]).then(() => process.exit(0));
    };
    process.on('SIGTERM', stop);
    process.on('message', (m) => (m === 'stop' ? stop() : undefined));
}

/** A port that the last host has only just left is free in a moment. */
async function listen(front: HttpFront, port: number): Promise<void> {
    for (let tries = 0; ; tries++) {
        try {
            await new Promise<void>((resolve, reject) => front.server.once('error', reject).listen(port, resolve));
            return;
        } catch (error) {
            if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || tries === 15) throw error;
            front.server.removeAllListeners('listening');
            await new Promise((resolve) => setTimeout(resolve, 200));
        }
    }
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
