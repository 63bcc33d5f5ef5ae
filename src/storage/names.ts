// The one way from a text to a blob: whatever names a blob passes here before it becomes a URL.
import type { BlobClient, ContainerClient } from '@azure/storage-blob';
import { wrongInBlobName } from '../core/blobName';

/** A text that cannot name a blob, or would name another one. Callers check what users give them first; this is what they cannot get past. */
export class BadBlobName extends Error {
    constructor(name: string, why: string) {
        super(`${JSON.stringify(name.slice(0, 100))} is not the name of a blob: ${why}`);
        this.name = 'BadBlobName';
    }
}

/** The text, when it can name a blob. */
export function blobName(text: string): string {
    const wrong = wrongInBlobName(text);
    if (wrong !== null) throw new BadBlobName(text, wrong);
    return text;
}

/** The same container, whose clients of blobs are made by this file alone. The one given is left as it is. */
export function withCheckedNames(container: ContainerClient): ContainerClient {
    const { containerName } = container;
    const named = <Client extends BlobClient>(name: string, client: Client): Client => {
        // What a URL has made of the name is what will be read.
        if (client.name !== name || client.containerName !== containerName)
            throw new BadBlobName(name, `it would be read as ${JSON.stringify(`${client.containerName}/${client.name}`)}`);
        return client;
    };
    const checked = Object.create(container) as ContainerClient;
    checked.getBlobClient = (name) => named(name, container.getBlobClient(blobName(name)));
    checked.getBlockBlobClient = (name) => named(name, container.getBlockBlobClient(blobName(name)));
    checked.getAppendBlobClient = (name) => named(name, container.getAppendBlobClient(blobName(name)));
    checked.getPageBlobClient = (name) => named(name, container.getPageBlobClient(blobName(name)));
    return checked;
}
