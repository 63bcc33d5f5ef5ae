// Azurite's blob service alone, with data that nobody needs afterwards.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobServiceClient } from '@azure/storage-blob';
import { azuriteProgram, emulatorConnection, listens } from '../../devhost/azurite';
import { freePorts } from './ports';
import { JobStore } from '../../src/storage/jobStore';
import { until } from './until';

export async function startBlobStorage(): Promise<{ connection: string; service: BlobServiceClient; stop: () => Promise<void> }> {
    const [port] = await freePorts(1);
    const folder = mkdtempSync(join(tmpdir(), 'fanfold-blobs-'));
    const options = ['--blobPort', String(port), '--location', folder, '--silent', '--skipApiVersionCheck', '--disableTelemetry'];
    const azurite = spawn(process.execPath, [azuriteProgram('blob'), ...options], { stdio: 'ignore' });
    const connection = emulatorConnection({ blob: port!, queue: port!, table: port! });
    const stop = async () => {
        const gone = once(azurite, 'exit');
        // On SIGTERM Azurite waits for kept-alive connections; its data is thrown away here.
        azurite.kill('SIGKILL');
        await gone;
        rmSync(folder, { recursive: true, force: true });
    };
    const service = BlobServiceClient.fromConnectionString(connection);
    try {
        await until(
            () => listens(port!),
            () => `Azurite does not listen on port ${port}`,
        );
        await service.getProperties();
        return { connection, service, stop };
    } catch (error) {
        // Left running it would keep the test's process from ending.
        await stop();
        throw error;
    }
}

/** For a test file whose routes open storage by its setting: what they find there is also given to `take`. */
export function useBlobStorage(take: (store: JobStore) => void): void {
    let storage: Awaited<ReturnType<typeof startBlobStorage>> | undefined;
    beforeAll(async () => {
        storage = await startBlobStorage();
        process.env.FANFOLD_DATA_CONNECTION = storage.connection;
        take(await JobStore.open());
    }, 60_000);
    afterAll(() => storage?.stop());
}

/** A store of its own in such storage. */
export async function startStore(): Promise<{ store: JobStore; stop: () => Promise<void> }> {
    const { service, stop } = await startBlobStorage();
    const container = service.getContainerClient('store');
    await container.createIfNotExists();
    return { store: new JobStore(container), stop };
}
