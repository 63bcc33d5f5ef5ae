// The lists of targets that an operator opens or closes: FANFOLD_ALLOWED_TARGETS and FANFOLD_DENIED_TARGETS.
import { BlockList, isIP, isIPv4 } from 'node:net';
import { embeddedIn, withoutZone } from './addresses';

export const TARGET_FORM =
    'a host (api.example.com), all hosts below one (*.example.com), an address or a range of them (10.1.0.0/16, [fd00::]/8), or *; each with or without a port (:8080)';

/** One entry of a list. `port` null: any. */
type TargetRule = { port: number | null } & (
    { kind: 'any' } | { kind: 'host'; host: string } | { kind: 'below'; suffix: string } | { kind: 'range'; range: BlockList }
);

/** Reads a list, its entries separated by commas. `wrong`: entries that are none; they match nothing. */
export function targetRulesIn(list: string): { rules: TargetRules; wrong: string[] } {
    const entries = list
        .split(',')
        .map((entry) => entry.trim())
        .filter(Boolean);
    const read = entries.map((entry) => ({ entry, rule: ruleIn(entry) }));
    return {
        rules: new TargetRules(read.flatMap(({ rule }) => rule ?? [])),
        wrong: read.filter(({ rule }) => rule === null).map(({ entry }) => entry),
    };
}

function ruleIn(entry: string): TargetRule | null {
    // An IPv6 address stands in brackets where a port follows it, and may stand in them anywhere; the length of its range inside or behind them.
    const bare = /^([0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*)(?:\/(\d{1,3}))?$/i.exec(entry);
    const bracketed = /^\[([0-9a-f:.]+)(?:\/(\d{1,3}))?\](?:\/(\d{1,3}))?(?::(\d{1,5}))?$/i.exec(entry);
    if (bare) return rangeOf(bare[1]!, bare[2], null);
    if (bracketed) return rangeOf(bracketed[1]!, bracketed[2] ?? bracketed[3], portIn(bracketed[4]));
    const parts = /^([^\s:/[\]@?#]+)(?:\/(\d{1,3}))?(?::(\d{1,5}))?$/.exec(entry);
    if (!parts) return null;
    const [, name = '', bits, portText] = parts;
    const port = portIn(portText);
    if (isIPv4(name)) return rangeOf(name, bits, port);
    if (bits !== undefined || port === undefined) return null;
    if (name === '*') return { kind: 'any', port };
    const host = hostnameIn(name.replace(/^\*\./, ''));
    if (host === null) return null;
    return name.startsWith('*.') ? { kind: 'below', suffix: `.${host}`, port } : { kind: 'host', host, port };
}

/** Null: none is said; undefined: what is said is none. */
function portIn(text: string | undefined): number | null | undefined {
    if (text === undefined) return null;
    const port = Number(text);
    return port >= 1 && port <= 65_535 ? port : undefined;
}

function rangeOf(address: string, bits: string | undefined, port: number | null | undefined): TargetRule | null {
    const family = isIP(address);
    const longest = family === 4 ? 32 : 128;
    const length = bits === undefined ? longest : Number(bits);
    if (family === 0 || length > longest || port === undefined) return null;
    const range = new BlockList();
    range.addSubnet(address, length, family === 4 ? 'ipv4' : 'ipv6');
    return { kind: 'range', range, port };
}

/** A name as a URL writes it; null for what is no name, also for a number in disguise, which a URL would take for an address. */
function hostnameIn(name: string): string | null {
    if (name.includes('*')) return null;
    try {
        const { hostname } = new URL(`http://${name}/`);
        return isIP(hostname) === 0 ? trimmed(hostname) : null;
    } catch {
        return null;
    }
}

/** A dot at the end of a name says only that it is whole. */
export const trimmed = (hostname: string): string => hostname.replace(/\.$/, '').toLowerCase();

/** Which targets a list names. Hosts in lower case, without brackets and without a dot at the end. */
export class TargetRules {
    constructor(private readonly rules: readonly TargetRule[]) {}

    /** Whether the list names this host by its name. */
    namesHost(host: string, port: number): boolean {
        return this.some(
            port,
            (rule) => (rule.kind === 'host' && rule.host === host) || (rule.kind === 'below' && host.endsWith(rule.suffix)),
        );
    }

    /** Whether an entry is this very host with this very port; null: without one. */
    namesJust(host: string, port: number | null): boolean {
        return this.rules.some((rule) => rule.kind === 'host' && rule.host === host && rule.port === port);
    }

    /** Whether the list names this address, or the one that it stands for. */
    namesAddress(address: string, port: number): boolean {
        const plain = withoutZone(address);
        const forms = [plain, embeddedIn(plain)].filter((form) => form !== null);
        return this.some(
            port,
            (rule) => rule.kind === 'range' && forms.some((form) => rule.range.check(form, isIPv4(form) ? 'ipv4' : 'ipv6')),
        );
    }

    /** Whether it names everything. */
    namesAll(port: number): boolean {
        return this.some(port, ({ kind }) => kind === 'any');
    }

    /** Whether it says `*`, at whatever port. */
    get opensAll(): boolean {
        return this.rules.some(({ kind }) => kind === 'any');
    }

    private some(port: number, fits: (rule: TargetRule) => boolean): boolean {
        return this.rules.some((rule) => (rule.port === null || rule.port === port) && fits(rule));
    }
}
