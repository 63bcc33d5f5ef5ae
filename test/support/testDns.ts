// A DNS server for tests: answers A and AAAA as its table says, each question for itself, so that a name may change between two looks at it (RFC 1035).
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import type { LookupAddress } from 'node:dns';
import * as ipaddr from 'ipaddr.js';
import type { Resolve } from '../../src/egress/pools';

export interface TestDns {
    /** As the app looks names up: all addresses, or an error with a code. */
    resolve: Resolve;
    /** Questions that were asked about a name. */
    asked(name: string): number;
    stop(): Promise<void>;
}

/** Addresses of a name; `turn`: how many looks at it there were before. Null: the server fails. */
export type Zone = Record<string, (turn: number) => string[] | null>;

const NO_SUCH_NAME = 3;
const SERVER_FAILED = 2;
const TYPE_A = 1;
const TYPE_AAAA = 28;

export async function testDns(zone: Zone): Promise<TestDns> {
    const looks = new Map<string, number>();
    const questions = new Map<string, number>();
    const socket = createSocket('udp4');
    socket.on('message', (message, { port, address }) => {
        const { name, type, end } = questionOf(message);
        questions.set(name, (questions.get(name) ?? 0) + 1);
        // A and AAAA of one look see one state of the zone.
        const turn = looks.get(name) ?? 0;
        const known = zone[name];
        const found = known?.(turn);
        const code = known === undefined ? NO_SUCH_NAME : found === null ? SERVER_FAILED : 0;
        const records = (found ?? [])
            .map((text) => ipaddr.parse(text).toByteArray())
            .filter((b) => (b.length === 4 ? TYPE_A : TYPE_AAAA) === type);
        socket.send(answerTo(message.subarray(0, end), code, type, records), port, address);
    });
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const resolver = new Resolver({ timeout: 2_000, tries: 1 });
    resolver.setServers([`127.0.0.1:${socket.address().port}`]);
    return {
        resolve: async (hostname) => {
            const asked = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
            looks.set(hostname, (looks.get(hostname) ?? 0) + 1);
            const found = asked.flatMap((one, i): LookupAddress[] =>
                one.status === 'fulfilled' ? one.value.map((address) => ({ address, family: i === 0 ? 4 : 6 })) : [],
            );
            if (found.length > 0) return found;
            throw (asked.find((one) => one.status === 'rejected') as PromiseRejectedResult).reason;
        },
        asked: (name) => questions.get(name) ?? 0,
        stop: () => new Promise((resolve) => socket.close(() => resolve())),
    };
}

function questionOf(message: Buffer): { name: string; type: number; end: number } {
    const labels: string[] = [];
    let at = 12;
    for (let length = message[at]!; length > 0; length = message[at]!) {
        labels.push(message.toString('latin1', at + 1, at + 1 + length));
        at += 1 + length;
    }
    return { name: labels.join('.').toLowerCase(), type: message.readUInt16BE(at + 1), end: at + 5 };
}

function answerTo(question: Buffer, code: number, type: number, records: number[][]): Buffer {
    const head = Buffer.from(question);
    head.writeUInt16BE(0x8180 | code, 2);
    head.writeUInt16BE(records.length, 6);
    head.writeUInt32BE(0, 8);
    // Each record names what was asked by its place, lives no time, and holds the address.
    const answers = records.map((bytes) => Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, 0, bytes.length, ...bytes]));
    return Buffer.concat([head, ...answers]);
}
