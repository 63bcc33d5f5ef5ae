// The one blob container that holds everything Fanfold keeps, reached by connection string (locally) or by identity (in Azure).
import { BlobServiceClient, StorageRetryPolicyType, type ContainerClient, type StoragePipelineOptions } from '@azure/storage-blob';
import { readSettings, type Settings } from '../settings';
import { LimitedTransport } from './transport';

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

// A hiccup is waited out here, by whoever calls: six tries within some five seconds. What lasts longer is told to the job, which waits without
// holding a slice (core/trouble.ts). Each try has its own limit: transport.ts.
const pipeline: StoragePipelineOptions = {
    httpClient: new LimitedTransport(),
    retryOptions: { retryPolicyType: StorageRetryPolicyType.EXPONENTIAL, maxTries: 6, retryDelayInMs: 200, maxRetryDelayInMs: 5_000 },
};

export async function serviceClient(settings: Settings): Promise<BlobServiceClient> {
    if (settings.dataAccountUrl) {
        // Loaded only where it is used: the identity library doubles the start-up time of a local run.
        const { DefaultAzureCredential, ManagedIdentityCredential } = await import('@azure/identity');
        // Where it is known which identity to be, no other is tried: a refusal then says what is wrong with that one.
        const { clientId } = settings;
        const credential = clientId ? new ManagedIdentityCredential({ clientId }) : new DefaultAzureCredential();
        return new BlobServiceClient(settings.dataAccountUrl, credential, pipeline);
    }
    if (settings.dataConnection) return BlobServiceClient.fromConnectionString(settings.dataConnection, pipeline);
    throw new Error(
        'No storage for job data: set FANFOLD_DATA_ACCOUNT_URL (by identity) or FANFOLD_DATA_CONNECTION or AzureWebJobsStorage (connection string).',
    );
}
