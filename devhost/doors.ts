// Who reaches this host: where it listens, by which names it may be called, and what only this machine may ask of it.
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';

const LOOPBACK = ['127.0.0.1', '::1'];

/** True when `--host` keeps other machines out. */
export const isLocal = (host: string): boolean => host === 'localhost' || LOOPBACK.includes(host);

/** Addresses to listen on, by what `--host` says. `undefined` is every address that there is. */
export function addressesOf(host: string): (string | undefined)[] {
    if (isLocal(host)) return LOOPBACK;
    if (['*', '0.0.0.0', '::', '[::]'].includes(host)) return [undefined];
    // The host calls itself by loopback whatever else it listens on.
    return [...LOOPBACK, host];
}

/**
 * Whether a request's Host header is a name of this host. A page of a foreign name that was made to lead here (DNS rebinding) has that name in
 * the header, and reads and writes as if it were a page of ours; an address cannot be made to lead elsewhere.
 */
export function isNamed(header: string | undefined, names: readonly string[]): boolean {
    // HTTP/1.0 may leave it out, and no browser speaks that.
    if (header === undefined) return true;
    // Nothing before or behind the name: a URL would take it for a user or a path.
    if (/[\s/?#@\\]/.test(header)) return false;
    let name: string;
    try {
        name = new URL(`http://${header}`).hostname;
    } catch {
        return false; // no name at all
    }
    return name === 'localhost' || name.endsWith('.localhost') || net.isIP(name.replace(/^\[|\]$/g, '')) !== 0 || names.includes(name);
}

/** The names of this host beside `localhost`: what `--host` and `--allow-host` say, and the machine's own where it is open to others. */
export const namesOf = (host: string, allowed: readonly string[]): string[] =>
    [host, ...allowed, ...(isLocal(host) ? [] : [os.hostname()])].map((name) => name.toLowerCase());

/** The host's own pages for the durable engine ask for no key without `--auth`, so they answer this machine only, and no page of another origin. */
export function mayManage(req: http.IncomingMessage): boolean {
    const address = (req.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    if (address !== '::1' && !address.startsWith('127.')) return false;
    const site = req.headers['sec-fetch-site'];
    if (site !== undefined) return site === 'same-origin' || site === 'none';
    return req.headers.origin === undefined || req.headers.origin === `http://${req.headers.host}`;
}

/**
 * How long a connection that nobody uses is kept, as the real host's server does (Kestrel's default). Node.js would close it after five seconds, often in the
 * moment in which a caller sends his next request.
 */
const KEEP_ALIVE_MS = 130_000;

/** Of a request's line and headers together: Kestrel has 8 KiB and 32 KiB for them. Beyond it Node.js answers 431. */
const MAX_HEADER_BYTES = 40 * 1024;

/** Listens with one handler on every address; one that this machine does not have (IPv6, often) is left out. */
export async function listenOn(handler: http.RequestListener, port: number, addresses: (string | undefined)[]): Promise<http.Server[]> {
    const servers: http.Server[] = [];
    try {
        for (const address of addresses) {
            const server = http.createServer(
                { maxHeaderSize: MAX_HEADER_BYTES, requestTimeout: 0, keepAliveTimeout: KEEP_ALIVE_MS },
                handler,
            );
            if (await listens(server, port, address)) servers.push(server);
        }
    } catch (error) {
        for (const server of servers) server.close();
        throw error;
    }
    return servers;
}

/** False where the machine has no such address. A port that the last host has only just left is free in a moment. */
async function listens(server: http.Server, port: number, address: string | undefined): Promise<boolean> {
    for (let tries = 0; ; tries++) {
        try {
            await new Promise<void>((resolve, reject) =>
                server.once('error', reject).listen({ port, ...(address === undefined ? {} : { host: address }) }, resolve),
            );
            return true;
        } catch (error) {
            const { code } = error as NodeJS.ErrnoException;
            if (address === '::1' && (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT')) return false;
            if (code !== 'EADDRINUSE' || tries === 15) throw error;
            server.removeAllListeners('listening');
            await new Promise((resolve) => setTimeout(resolve, 200));
        }
    }
}

/** While this runs, a server that names neither port nor address gets a loopback one. The SDK's server for streamed bodies would listen on all. */
export async function onLoopback<T>(run: () => Promise<T>): Promise<T> {
    const prototype = net.Server.prototype as { listen: (...args: unknown[]) => net.Server };
    const { listen } = prototype;
    prototype.listen = function (this: net.Server, ...args: unknown[]) {
        const anywhere = args[0] === undefined || typeof args[0] === 'function';
        return listen.apply(this, anywhere ? [0, '127.0.0.1', ...args] : args);
    };
    try {
        return await run();
    } finally {
        prototype.listen = listen;
    }
}
