// What kind of place an IP address names. Ranges: the IANA special-purpose registries (RFC 6890 and what followed), the platform's own, and IPv6 addresses that
// stand for an IPv4 one.
import { BlockList, isIPv4 } from 'node:net';
import * as ipaddr from 'ipaddr.js';

export type AddressKind = 'public' | 'loopback' | 'private' | 'link-local' | 'shared' | 'multicast' | 'platform' | 'reserved';

type SpecialKind = Exclude<AddressKind, 'public'>;

const ipv4Ranges: readonly (readonly [SpecialKind, string])[] = [
    // The host that Azure answers each machine from: DNS, health, and what the agent is told. It looks like any public address.
    ['platform', '168.63.129.16/32'],
    ['reserved', '0.0.0.0/8'],
    ['private', '10.0.0.0/8'],
    ['shared', '100.64.0.0/10'],
    ['loopback', '127.0.0.0/8'],
    ['link-local', '169.254.0.0/16'],
    ['private', '172.16.0.0/12'],
    ['reserved', '192.0.0.0/24'],
    ['reserved', '192.0.2.0/24'],
    ['reserved', '192.88.99.0/24'],
    ['private', '192.168.0.0/16'],
    ['reserved', '198.18.0.0/15'],
    ['reserved', '198.51.100.0/24'],
    ['reserved', '203.0.113.0/24'],
    ['multicast', '224.0.0.0/4'],
    ['reserved', '240.0.0.0/4'],
];

/** What is neither here nor in 2000::/3 is given to nobody, and so reserved. */
const ipv6Ranges: readonly (readonly [SpecialKind, string])[] = [
    ['reserved', '::/128'],
    ['loopback', '::1/128'],
    ['private', 'fc00::/7'],
    ['link-local', 'fe80::/10'],
    ['private', 'fec0::/10'],
    ['multicast', 'ff00::/8'],
    // A NAT64 of one network, which may lead anywhere in it (RFC 8215).
    ['private', '64:ff9b:1::/48'],
    // Protocol assignments: Teredo, ORCHID, benchmarks.
    ['reserved', '2001::/23'],
    ['reserved', '2001:db8::/32'],
    ['reserved', '3fff::/20'],
];

const asList = (kind: SpecialKind, range: string, family: 'ipv4' | 'ipv6') => {
    const [network, bits] = range.split('/') as [string, string];
    const list = new BlockList();
    list.addSubnet(network, Number(bits), family);
    return { kind, list };
};
const ipv4Lists = ipv4Ranges.map(([kind, range]) => asList(kind, range, 'ipv4'));
const ipv6Lists = ipv6Ranges.map(([kind, range]) => asList(kind, range, 'ipv6'));
const globalUnicast = asList('reserved', '2000::/3', 'ipv6').list;

/** An address without the zone of a link. */
export const withoutZone = (address: string): string => address.replace(/%.*$/, '');

/** The kind of an address as the system writes it; what is none is `reserved`. An address that stands for another has that one's kind. */
export function kindOf(address: string): AddressKind {
    const plain = withoutZone(address);
    if (isIPv4(plain)) return ipv4Lists.find(({ list }) => list.check(plain, 'ipv4'))?.kind ?? 'public';
    if (!ipaddr.IPv6.isValid(plain)) return 'reserved';
    const special = ipv6Lists.find(({ list }) => list.check(plain, 'ipv6'))?.kind;
    if (special) return special;
    const meant = embeddedIn(plain);
    if (meant !== null) return kindOf(meant);
    return globalUnicast.check(plain, 'ipv6') ? 'public' : 'reserved';
}

const startsWith = (bytes: readonly number[], ...prefix: number[]): boolean => prefix.every((byte, i) => bytes[i] === byte);
const zeros = (count: number): number[] => Array<number>(count).fill(0);

/**
 * The IPv4 address that an IPv6 address stands for, as its network takes it; null where it stands for itself. Forms: mapped and compatible (RFC 4291), translated
 * (RFC 2765), NAT64 (RFC 6052), 6to4 (RFC 3056), ISATAP (RFC 5214).
 */
export function embeddedIn(address: string): string | null {
    const plain = withoutZone(address);
    if (!ipaddr.IPv6.isValid(plain)) return null;
    const bytes = ipaddr.IPv6.parse(plain).toByteArray();
    const at = (from: number): string => bytes.slice(from, from + 4).join('.');
    if (startsWith(bytes, ...zeros(10), 0xff, 0xff)) return at(12);
    if (startsWith(bytes, ...zeros(8), 0xff, 0xff, 0, 0)) return at(12);
    if (startsWith(bytes, 0, 0x64, 0xff, 0x9b, ...zeros(8))) return at(12);
    if (startsWith(bytes, ...zeros(12))) return at(12);
    if (startsWith(bytes, 0x20, 0x02)) return at(2);
    const interfaceId = bytes.slice(8);
    if (startsWith(interfaceId, 0, 0, 0x5e, 0xfe) || startsWith(interfaceId, 2, 0, 0x5e, 0xfe)) return at(12);
    return null;
}
