// A target that gives back what it was sent, in each way that a target may, and hands out credentials of its own.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

export interface EchoTarget {
    url: string;
    /** Values that came in the header, each once, in the order in which they came first. */
    came: string[];
    calls(): number;
    /** Calls of `/held` are answered from now on. */
    release(): void;
    stop(): Promise<void>;
}

/** Headers of an answer that carry credentials, or may. */
const credentialHeaders = [
    'set-cookie',
    'set-cookie2',
    'authorization',
    'proxy-authorization',
    'www-authenticate',
    'proxy-authenticate',
    'authentication-info',
    'x-api-key',
    'x-auth-token',
    'x-ms-token',
    'location',
    'etag',
    'link',
] as const;

/** `header`: the one that the secret comes in. `cookie`: what each answer hands out. */
export async function startEchoTarget(header: string, cookie: string): Promise<EchoTarget> {
    const came: string[] = [];
    let calls = 0;
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    const handed = Object.fromEntries(credentialHeaders.map((name) => [name, `sid=${cookie}; path=/`]));

    const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
        calls++;
        const secret = String(request.headers[header]);
        if (!came.includes(secret)) came.push(secret);
        let body = '';
        for await (const chunk of request) body += String(chunk);
        const echo = JSON.stringify({
            youSent: body,
            headers: request.headers,
            ...{ plain: secret, encoded: Buffer.from(secret).toString('base64'), percent: encodeURIComponent(secret) },
            ...{ hex: Buffer.from(secret).toString('hex'), HEX: Buffer.from(secret).toString('hex').toUpperCase() },
        });
        const json = { ...handed, 'content-type': 'application/json' };
        switch (new URL(request.url!, 'http://target').pathname.split('/')[1]) {
            case 'fails':
                return void response.writeHead(500, `No ${secret} here`, json).end(echo);
            case 'refuses':
                return void response.writeHead(401, json).end(echo);
            case 'moves':
                return void response.writeHead(302, { ...json, location: `http://127.0.0.1/${secret}` }).end();
            case 'text':
                return void response.writeHead(400, { ...handed, 'content-type': 'text/plain' }).end(`the token ${secret} is not valid`);
            case 'packed':
                return void response.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end(gzipSync(echo));
            case 'hangs':
                response.writeHead(200, { ...json, 'content-length': echo.length + 10 }).write(echo);
                return;
            case 'breaks':
                response.writeHead(200, { ...json, 'content-length': echo.length + 10 }).write(echo, () => response.destroy());
                return;
            case 'lies':
                return void request.socket.end(`HTTP/1.1 200 ${secret}\r\nset-cookie: ${cookie}\r\nbad header ${secret}\r\n\r\n`);
            case 'held':
                await released;
                return void response.writeHead(200, json).end(echo);
            case undefined:
            default:
                return void response.writeHead(200, json).end(echo);
        }
    };
    const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        came,
        calls: () => calls,
        release,
        stop: async () => {
            release();
            server.closeAllConnections();
            await new Promise((resolve) => server.close(resolve));
        },
    };
}
