// The target: answers every request with its own body, in a process of its own. It reads of HTTP only what the clients here send,
// because node's own server would take more time than the clients that are measured.
import net from 'node:net';
import { say } from './processes';

const END = Buffer.from('\r\n\r\n');

const server = net.createServer((socket) => {
    socket.setNoDelay(true);
    socket.on('error', () => socket.destroy());
    let held: Buffer | null = null;
    socket.on('data', (chunk) => {
        let data: Buffer = held ? Buffer.concat([held, chunk]) : chunk;
        for (;;) {
            const head = data.indexOf(END);
            if (head < 0) break;
            const length = Number(/\r\ncontent-length: *(\d+)/i.exec(data.toString('latin1', 0, head))?.[1] ?? 0);
            const body = head + END.length;
            if (data.length < body + length) break;
            socket.write(
                Buffer.concat([
                    Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n`),
                    data.subarray(body, body + length),
                ]),
            );
            data = data.subarray(body + length);
        }
        held = data.length > 0 ? data : null;
    });
});
server.listen(0, '127.0.0.1', () => say({ url: `http://127.0.0.1:${(server.address() as net.AddressInfo).port}` }));
process.on('disconnect', () => process.exit());
