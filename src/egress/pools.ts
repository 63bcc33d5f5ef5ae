// Connections, by origin: each is made to an address that the fence has let through, and kept for the calls that follow.
import { lookup as systemLookup, type LookupAddress } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { promisify } from 'node:util';
import { Pool } from 'undici';
import type { Fence } from './fence/fence';
import { OutgoingError } from './outgoingError';

const CONNECTIONS = 512;
const MAX_ORIGINS = 100;

/** All addresses of a name. Rejects with an error that has a `code`, as that of `dns.lookup` has. */
export type Resolve = (hostname: string) => Promise<LookupAddress[]>;

const lookupAll = promisify(systemLookup);
const resolveBySystem: Resolve = (hostname) => lookupAll(hostname, { all: true, order: 'verbatim' });

export class Pools {
    private readonly pools = new Map<string, Pool>();
    /** The origin called last: most jobs have one, and need no bookkeeping. */
    private latest = '';

    constructor(
        private readonly fence: Fence,
        private readonly resolve: Resolve = resolveBySystem,
    ) {}

    /** @throws OutgoingError TARGET_FORBIDDEN */
    of(origin: string): Pool {
        const known = this.pools.get(origin);
        if (known) {
            if (origin !== this.latest) {
                // Moved to the end, so that the pool closed first is the one unused for longest.
                this.pools.delete(origin);
                this.pools.set(origin, known);
                this.latest = origin;
            }
            return known;
        }
        const pool = this.open(new URL(origin));
        if (this.pools.size >= MAX_ORIGINS) {
            const [oldest, old] = this.pools.entries().next().value!;
            this.pools.delete(oldest);
            // Calls in flight are finished; a pool that cannot close any more is closed.
            old.close().catch(() => old.destroy());
        }
        this.pools.set(origin, pool);
        this.latest = origin;
        return pool;
    }

    private open({ origin, protocol, hostname, port: given }: URL): Pool {
        const port = Number(given || (protocol === 'https:' ? 443 : 80));
        const address = hostname.replace(/^\[(.*)\]$/, '$1');
        // A literal address is looked up by nobody.
        if (isIP(address) !== 0) this.check(hostname, port, [address]);
        return new Pool(origin, {
            connections: CONNECTIONS,
            pipelining: 1,
            keepAliveTimeout: 10_000,
            headersTimeout: 0,
            bodyTimeout: 0,
            connect: { timeout: 10_000, lookup: this.lookupFor(hostname, port) },
        });
    }

    /** What a connection asks for the addresses of its host: it goes to one of those that were looked at. */
    private lookupFor(hostname: string, port: number): LookupFunction {
        return (_name, { all, family }, callback) => {
            this.addressesOf(hostname, port).then(
                (found) => {
                    const wanted = family ? found.filter((address) => address.family === Number(String(family).replace('IPv', ''))) : found;
                    const [first] = wanted;
                    if (!first) callback(unresolved(hostname), '', 0);
                    else if (all) callback(null, wanted);
                    else callback(null, first.address, first.family);
                },
                (error: NodeJS.ErrnoException) => callback(error, '', 0),
            );
        };
    }

    private async addressesOf(hostname: string, port: number): Promise<LookupAddress[]> {
        let found: LookupAddress[];
        try {
            found = await this.resolve(hostname);
        } catch (error) {
            throw NO_SUCH_NAME.has((error as NodeJS.ErrnoException).code ?? '') ? unresolved(hostname) : error;
        }
        this.check(
            hostname,
            port,
            found.map(({ address }) => address),
        );
        return found;
    }

    private check(hostname: string, port: number, addresses: readonly string[]): void {
        const refusal = this.fence.refusal(hostname, port, addresses);
        if (refusal) throw new OutgoingError('TARGET_FORBIDDEN', `${hostname} may not be called: ${refusal}`);
    }
}

/** What says that there is none; all else says that nobody could tell just now. */
const NO_SUCH_NAME = new Set(['ENOTFOUND', 'ENODATA', 'EBADNAME']);

const unresolved = (hostname: string): OutgoingError =>
    new OutgoingError('TARGET_UNRESOLVED', `there is no host of the name ${hostname.slice(0, 255)}`);
