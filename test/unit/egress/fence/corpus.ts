// URLs that lead to places that are nobody's to call, in every form that is known to have led past a fence; and some that only look like it.

const hex = (n: number, digits = 2): string => n.toString(16).padStart(digits, '0');
const bytesOf = (address: string): [number, number, number, number] => address.split('.').map(Number) as [number, number, number, number];
const groups = (address: string): string => {
    const [a, b, c, d] = bytesOf(address);
    return `${hex(a)}${hex(b)}:${hex(c)}${hex(d)}`;
};
const whole = (address: string): number => bytesOf(address).reduce((n, byte) => n * 256 + byte, 0);
const circled = (digit: string): string => (digit === '0' ? '⓪' : String.fromCodePoint(0x2460 + Number(digit) - 1));
const fullWidth = (digit: string): string => String.fromCodePoint(0xff10 + Number(digit));

/** Ways to write an IPv4 address as the host of a URL. */
export const ipv4Forms: Record<string, (address: string) => string> = {
    dotted: (a) => a,
    'with a dot at its end': (a) => `${a}.`,
    'as one number': (a) => String(whole(a)),
    'as one hexadecimal number': (a) => `0x${hex(whole(a), 8)}`,
    'as one octal number': (a) => `0${whole(a).toString(8)}`,
    'in octal': (a) =>
        bytesOf(a)
            .map((byte) => `0${byte.toString(8)}`)
            .join('.'),
    'in octal with zeros before it': (a) =>
        bytesOf(a)
            .map((byte) => byte.toString(8).padStart(6, '0'))
            .join('.'),
    'in hexadecimal': (a) =>
        bytesOf(a)
            .map((byte) => `0x${hex(byte)}`)
            .join('.'),
    'in two parts': (a) => `${bytesOf(a)[0]}.${whole(a) % 2 ** 24}`,
    'in three parts': (a) => `${bytesOf(a)[0]}.${bytesOf(a)[1]}.${whole(a) % 2 ** 16}`,
    'in mixed bases': (a) =>
        bytesOf(a)
            .map((byte, i) => [byte, `0${byte.toString(8)}`, `0x${hex(byte)}`][i % 3])
            .join('.'),
    'percent-encoded': (a) => [...a].map((sign) => `%${hex(sign.charCodeAt(0))}`).join(''),
    'in circled digits': (a) => a.replace(/\d/g, circled),
    'in full-width digits': (a) => a.replace(/\d/g, fullWidth),
    'with ideographic full stops': (a) => a.replaceAll('.', '。'),
    'mapped into IPv6': (a) => `[::ffff:${a}]`,
    'mapped, in hexadecimal': (a) => `[0:0:0:0:0:ffff:${groups(a)}]`,
    'compatible with IPv4': (a) => `[::${a}]`,
    translated: (a) => `[::ffff:0:${a}]`,
    'by NAT64': (a) => `[64:ff9b::${groups(a)}]`,
    'by a NAT64 of the network': (a) => `[64:ff9b:1::${groups(a)}]`,
    'by 6to4': (a) => `[2002:${groups(a)}::1]`,
    'by Teredo': (a) => `[2001:0:4136:e378:8000:63bf:${hex(whole(a) ^ (-1 >>> 0), 8).slice(-8, -4)}:0]`,
    'by ISATAP': (a) => `[2606:4700::5efe:${groups(a)}]`,
};

/** One of each kind that is closed. */
export const closedIpv4 = [
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '168.63.129.16',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
];

export const closedIpv6 = [
    '::',
    '::1',
    '0:0:0:0:0:0:0:1',
    'fe80::1',
    'fc00::1',
    'fd00:ec2::254',
    'fec0::1',
    'ff02::1',
    '2001::1',
    '2001:db8::1',
    '100::1',
    '3fff::1',
    '4000::1',
];

/** Just outside of what is closed, or only looking like it: as addresses. */
export const harmlessAddresses = [
    ...['1.1.1.1', '8.8.8.8', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0', '126.255.255.255', '128.0.0.1'],
    ...['168.63.129.15', '168.63.129.17', '169.253.255.255', '169.255.0.0', '172.15.255.255', '172.32.0.0', '192.0.1.1', '192.0.3.1'],
    ...['192.88.98.1', '192.167.255.255', '192.169.0.0', '198.17.255.255', '198.20.0.0', '203.0.112.1', '203.0.114.1', '223.255.255.255'],
    ...[
        '::ffff:8.8.8.8',
        '64:ff9b::808:808',
        '2002:808:808::1',
        '2001:4860:4860::8888',
        '2001:200::1',
        '2606:4700:4700::1111',
        '2a00:1450:4001::200e',
    ],
    ...['2600::', '3ffe::1', '2003::7f00:1'],
];

/** Names that hold what looks like a closed address, or like a name of the platform. */
export const harmlessNames = [
    ...[
        '127.0.0.1.example.com',
        '10.0.0.1.nip.example',
        'localhost.example.com',
        'notlocalhost',
        'metadata.example.com',
        'xn--nxasmq6b.example',
    ],
    ...['169-254-169-254.example.com', 'app.scm.example.com', 'fd00.example.com', '0x7f.example.com', 'a127.0.0.1.example'],
];
