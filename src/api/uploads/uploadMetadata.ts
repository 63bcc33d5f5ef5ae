// The header Upload-Metadata of a tus client.
import { bad } from './tus';

/** Characters of the header, at most. */
export const MAX_METADATA = 4096;

/** `key base64,key base64`: the value may be left out. */
export function parseMetadata(header: string | undefined): Map<string, string> {
    const entries = new Map<string, string>();
    for (const entry of (header ?? '').split(',').filter((e) => e.trim() !== '')) {
        const [key = '', value = '', ...more] = entry.trim().split(' ');
        if (!key || more.length > 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(value))
            throw bad(`Upload-Metadata: "${entry.trim().slice(0, 60)}" is not "key base64".`);
        entries.set(key, Buffer.from(value, 'base64').toString('utf8'));
    }
    return entries;
}
