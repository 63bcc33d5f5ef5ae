// Sends one request as it is, over HTTP, and reads the answer whole.
import http from 'node:http';

export interface Answer {
    status: number;
    headers: Headers;
    text: string;
    ms: number;
}

export interface Sent {
    method: string;
    /** Path and query, as they go over the wire. */
    target: string;
    headers: [string, string][];
    body: Buffer | null;
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

/** Rejects where no answer has ended within the time (ms), or the connection broke. */
export function send(port: number, { method, target, headers, body }: Sent, longestMs: number): Promise<Answer> {
    const began = performance.now();
    return new Promise((resolve, reject) => {
        const request = http.request({
            ...{ host: '127.0.0.1', port, agent, method, path: target },
            headers: [
                ['host', `127.0.0.1:${port}`] as [string, string],
                ...headers,
                ...(body ? [['content-length', String(body.length)] as [string, string]] : []),
            ].flat(),
        });
        const timer = setTimeout(() => request.destroy(new Error(`no whole answer within ${longestMs} ms`)), longestMs);
        request.on('response', (answer) => {
            const chunks: Buffer[] = [];
            answer.on('data', (chunk: Buffer) => chunks.push(chunk));
            answer.on('error', reject);
            answer.on('end', () => {
                clearTimeout(timer);
                const pairs = Object.entries(answer.headers).map(([name, value]): [string, string] => [name, [value].flat().join(', ')]);
                const text = Buffer.concat(chunks).toString('utf8');
                resolve({ status: answer.statusCode!, headers: new Headers(pairs), text, ms: performance.now() - began });
            });
        });
        request.on('error', (error) => {
            clearTimeout(timer);
            reject(error);
        });
        request.end(body ?? undefined);
    });
}

/** A command that sends it again. */
export function asCurl(url: string, { method, target, headers, body }: Sent): string {
    const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
    const options = headers.map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`).join(' ');
    const data = body === null ? '' : ` --data-binary @<(echo ${body.toString('base64').slice(0, 20_000)} | base64 -d)`;
    return `curl -i --path-as-is -X ${method} ${options} ${quoted(url + target)}${data}`;
}
