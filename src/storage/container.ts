// The one blob container that holds everything Fanfold keeps, reached by connection string (locally) or by identity (in Azure).
import { BlobServiceClient, StorageRetryPolicyType, type ContainerClient, type StoragePipelineOptions } from '@azure/storage-blob';
import { readSettings, type Settings } from '../settings';

let client: Promise<ContainerClient> | undefined;

/** The container client of this process; the container is created on first use. A failed creation is tried again at the next call. */
export function dataContainer(): Promise<ContainerClient> {
    client ??= open(readSettings()).catch((error: unknown) => {
        client = undefined;
        throw error;
    });
    return client;
}

async function open(settings: Settings): Promise<ContainerClient> {
    const container = (await serviceClient(settings)).getContainerClient(settings.container);
    await container.createIfNotExists();
    return container;
}

// An outage of a minute or two is waited out here, by whoever calls, rather than failing a slice: 0.2 s doubling to 10 s, about 100 s in all.
const pipeline: StoragePipelineOptions = {
    retryOptions: {
        retryPolicyType: StorageRetryPolicyType.EXPONENTIAL,
        maxTries: 15,
        retryDelayInMs: 200,
        maxRetryDelayInMs: 10_000,
        tryTimeoutInMs: 60_000,
    },
};

export async function serviceClient(settings: Settings): Promise<BlobServiceClient> {
    if (settings.dataAccountUrl) {
        // Loaded only where it is used: the identity library doubles the start-up time of a local run.
        const { DefaultAzureCredential } = await import('@azure/identity');
        const credential = new DefaultAzureCredential(settings.clientId ? { managedIdentityClientId: settings.clientId } : {});
        return new BlobServiceClient(settings.dataAccountUrl, credential, pipeline);
    }
    if (settings.dataConnection) return BlobServiceClient.fromConnectionString(settings.dataConnection, pipeline);
    throw new Error(
        'No storage for job data: set FANFOLD_DATA_ACCOUNT_URL (by identity) or FANFOLD_DATA_CONNECTION or AzureWebJobsStorage (connection string).',
    );
}
