// Which targets may be called: looked at for each connection, on the addresses that the name resolves to just then, and the connection goes to one of these.
import { isIP } from 'node:net';
import { kindOf, type AddressKind } from './addresses';
import { targetRulesIn, trimmed, type TargetRules } from './targetRules';

export interface FenceOptions {
    /** Opens what is closed by itself: entries separated by commas, in the form of `TARGET_FORM`. */
    allowed: string;
    /** Closes more, and wins over what is allowed; `*` closes all that is not allowed. */
    denied: string;
    /** The app's own hosts and the platform's, as names or addresses, each with or without a port: closed. */
    own: readonly string[];
}

const kindWords: Record<Exclude<AddressKind, 'public'>, string> = {
    loopback: 'a loopback address',
    private: 'a private address',
    'link-local': 'a link-local address, where platforms have their metadata',
    shared: 'a shared address (carrier-grade NAT)',
    multicast: 'a multicast address',
    platform: 'an address of the platform',
    reserved: 'an address that is reserved',
};

export class Fence {
    private readonly allowed: TargetRules;
    private readonly denied: TargetRules;
    private readonly own: TargetRules;
    /** Entries of the two lists that cannot be read, and `*` where it opens nothing. */
    readonly wrong: string[];

    constructor({ allowed, denied, own }: FenceOptions) {
        const [opened, closed] = [targetRulesIn(allowed), targetRulesIn(denied)];
        this.allowed = opened.rules;
        this.denied = closed.rules;
        this.own = targetRulesIn(own.join()).rules;
        this.wrong = [...opened.wrong, ...closed.wrong, ...(opened.rules.opensAll ? ['*'] : [])];
    }

    /**
     * Why this host may not be called, at one of these addresses; null where it may. Of several addresses each must be allowed: which of them is connected to is not
     * ours to say. `hostname`: as `URL` gives it. Says the kind of an address, never the address: whoever may post a job is not told what names a network has.
     */
    refusal(hostname: string, port: number, addresses: readonly string[]): string | null {
        const host = bare(hostname);
        const isNamed = this.allowed.namesHost(host, port);
        if (this.denied.namesHost(host, port) || addresses.some((address) => this.denied.namesAddress(address, port)))
            return 'the deployment has closed it (FANFOLD_DENIED_TARGETS)';
        const isOpened = (address: string): boolean => isNamed || this.allowed.namesAddress(address, port);
        if (this.denied.namesAll(port) && !addresses.every(isOpened))
            return 'the deployment calls only what it allows by name or address (FANFOLD_ALLOWED_TARGETS)';
        if (this.isOwn(host, port, addresses) && !this.isOwnOpened(host, port, addresses))
            return 'it is the app itself, or a service of its platform';
        for (const address of addresses) {
            const kind = kindOf(address);
            // A name that is allowed may be somebody else's to point elsewhere: at what is nobody's to call, the address itself must be allowed.
            const opened = kind === 'link-local' || kind === 'platform' ? this.allowed.namesAddress(address, port) : isOpened(address);
            if (kind === 'public' || opened) continue;
            const what = isIP(host) === 0 ? `its name resolves to ${kindWords[kind]}` : `it is ${kindWords[kind]}`;
            return `${what}; the deployment may allow it (FANFOLD_ALLOWED_TARGETS)`;
        }
        return null;
    }

    private isOwn(host: string, port: number, addresses: readonly string[]): boolean {
        return this.own.namesHost(host, port) || addresses.some((address) => this.own.namesAddress(address, port));
    }

    /**
     * The app's own is opened by an entry as exact as what is own: this very host, and its port where that is own at one port. All hosts below one, all of this
     * machine, mean others: who opens these does not think of the app among them.
     */
    private isOwnOpened(host: string, port: number, addresses: readonly string[]): boolean {
        return this.allowed.namesJust(host, port) || (this.allowed.namesJust(host, null) && !this.isOwnAtPort(host, port, addresses));
    }

    private isOwnAtPort(host: string, port: number, addresses: readonly string[]): boolean {
        return this.own.namesJust(host, port) || addresses.some((address) => this.own.namesAddress(address, port));
    }
}

/** A host without brackets and without a dot at its end, in lower case. */
const bare = (hostname: string): string => trimmed(hostname.replace(/^\[(.*)\]$/, '$1'));
