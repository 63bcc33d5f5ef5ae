// A service that writes down what it is called with, to the letter, and answers what the test says.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Called {
    method: string;
    /** Path and query as they stood in the request line. */
    url: string;
    /** In lower case; each with all its values, as they came. */
    headers: Record<string, string[]>;
    body: string;
}

export interface Recorder {
    url: string;
    /** What came since `forget`, in the order in which it came. */
    calls: Called[];
    /** The JSON text that every call is answered with. */
    answer: string;
    forget(): void;
    stop(): Promise<void>;
}

export async function startRecorder(): Promise<Recorder> {
    const server = createServer((request, response) => {
        const chunks: Buffer[] = [];
        request.on('data', (chunk: Buffer) => chunks.push(chunk));
        request.on('end', () => {
            const headers: Record<string, string[]> = {};
            for (let i = 0; i < request.rawHeaders.length; i += 2)
                (headers[request.rawHeaders[i]!.toLowerCase()] ??= []).push(request.rawHeaders[i + 1]!);
            recorder.calls.push({ method: request.method!, url: request.url!, headers, body: Buffer.concat(chunks).toString() });
            response.setHeader('content-type', 'application/json');
            response.end(recorder.answer);
        });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const recorder: Recorder = {
        url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        calls: [],
        answer: '{}',
        forget: () => void (recorder.calls = []),
        stop: () =>
            new Promise((resolve) => {
                server.close(() => resolve());
                server.closeAllConnections();
            }),
    };
    return recorder;
}
