// What a target says of its limits in an answer's headers: in those that grew up by habit (`X-RateLimit-*`, `X-Rate-Limit-*`), and in those of the drafts
// "RateLimit header fields for HTTP" of the IETF, of which three forms are about: three headers (up to 06), a dictionary (07) and a list (from 08 on).
import { answeredAt, COMMA, parseHttpDate } from './retryAfter';

/** So many more calls until so many ms from now. */
export interface RateHint {
    remaining: number;
    resetMs: number;
    /** Calls in a whole window. */
    limit?: number;
}

/** A window that is longer is no window but a mistake, such as milliseconds for seconds. */
const LONGEST_MS = 31 * 86_400_000;
/** Characters of a header that is looked at: nobody has so many policies. */
const MAX_TEXT = 1_024;
/** Seconds since 1970, and ms, are larger; what is smaller is seconds from now. */
const [UNIX_SECONDS, UNIX_MS] = [1e9, 1e12];

const families = ['x-ratelimit', 'x-rate-limit', 'ratelimit'].map((name) => ({
    limit: `${name}-limit`,
    remaining: `${name}-remaining`,
    reset: `${name}-reset`,
}));

type Headers = Readonly<Record<string, string | undefined>>;

/**
 * The strictest of what the headers say (names in lower case): the fewest calls for the time. Undefined where they say nothing that can be understood.
 * Asked of every answer: without such a header it is four looks at an object.
 */
export function rateHint(headers: Headers, now: number): RateHint | undefined {
    let found: RateHint | undefined;
    for (const family of families) {
        const remaining = headers[family.remaining];
        if (remaining !== undefined)
            found = stricter(
                found,
                ofFamily(headers[family.limit], remaining, headers[family.reset], () => answeredAt(headers.date, now)),
            );
    }
    const list = headers.ratelimit;
    if (list === undefined) return found;
    return stricter(
        found,
        ofMembers(list, headers['ratelimit-policy'], () => answeredAt(headers.date, now)),
    );
}

/** Calls for the time, in ms; a window that ends now keeps nobody. */
const allowance = ({ remaining, resetMs }: RateHint): number => (resetMs === 0 ? Infinity : remaining / resetMs);

/** Of two that allow as much, such as nothing, the one that does so for longer. */
function stricter(a: RateHint | undefined, b: RateHint | undefined): RateHint | undefined {
    if (!a || !b) return a ?? b;
    const [ofA, ofB] = [allowance(a), allowance(b)];
    return ofB < ofA || (ofB === ofA && b.resetMs > a.resetMs) ? b : a;
}

function hintOf(remaining: number | null, resetMs: number | null, limit?: number | null): RateHint | undefined {
    if (remaining === null || resetMs === null) return undefined;
    return { remaining: Math.floor(remaining), resetMs, ...(typeof limit === 'number' ? { limit } : {}) };
}

/** Three headers. What came twice belongs together by its place; where the places differ, the fewest calls for the longest time. */
function ofFamily(limit: string | undefined, remaining: string, reset: string | undefined, from: () => number): RateHint | undefined {
    const calls = valuesOf(remaining).map(numberOf);
    const resets = valuesOf(reset).map((text) => resetOf(text, from));
    const limits = limitsIn(limit);
    if (calls.length === resets.length)
        return calls
            .map((n, i) => hintOf(n, resets[i]!, limits.length === calls.length ? limits[i] : least(limits)))
            .reduce(stricter, undefined);
    return hintOf(least(calls), most(resets), least(limits));
}

const valuesOf = (text = ''): string[] => (text.length > MAX_TEXT ? [] : text.split(COMMA).map((one) => one.trim()));

/** `100, 100;w=60, 1000;w=3600`: the first is the limit, the others are what stands behind it. */
function limitsIn(text: string | undefined): (number | null)[] {
    const values = valuesOf(text);
    const plain = values.filter((value) => !value.includes(';'));
    return (plain.length > 0 ? plain : values).map((value) => numberOf(value.split(';', 1)[0]!.trim()));
}

const known = (numbers: (number | null)[]): number[] => numbers.filter((n) => n !== null);
const least = (numbers: (number | null)[]): number | null => known(numbers).reduce<number | null>((a, b) => Math.min(a ?? b, b), null);
const most = (numbers: (number | null)[]): number | null => known(numbers).reduce<number | null>((a, b) => Math.max(a ?? b, b), null);

/** `limit=100, remaining=50, reset=30`, or `"burst";r=5;t=1, "daily";r=500;t=7200`. A name that comes again begins another group. */
function ofMembers(text: string, policy: string | undefined, from: () => number): RateHint | undefined {
    const limits = policiesIn(policy);
    let found: RateHint | undefined;
    let group = new Map<string, string>();
    const grouped = () => hintOf(numberOf(group.get('remaining')), resetOf(group.get('reset'), from), numberOf(group.get('limit')));
    for (const [head, fields] of membersOf(text)) {
        const [, name, value] = /^(limit|remaining|reset)=(.*)$/.exec(head) ?? [];
        if (name !== undefined) {
            if (group.has(name)) {
                found = stricter(found, grouped());
                group = new Map();
            }
            group.set(name, value!);
            continue;
        }
        const limit = limits.get(head);
        if (limit !== 'of something else')
            found = stricter(found, hintOf(numberOf(fields.get('r')), resetOf(fields.get('t'), from), limit));
    }
    return stricter(found, grouped());
}

type Policies = Map<string, number | null | 'of something else'>;
/** A target says the same of its policies in each answer. */
let latest: { text: string; policies: Policies } = { text: '', policies: new Map() };

/** `"default";q=100;w=60`: how many calls, by the name of the policy. Quotas of bytes or of connections say nothing of calls. */
function policiesIn(text = ''): Policies {
    if (text === latest.text) return latest.policies;
    const policies: Policies = new Map();
    for (const [name, fields] of membersOf(text)) {
        const unit = fields.get('qu')?.replaceAll('"', '') ?? 'requests';
        policies.set(name, unit === 'requests' ? numberOf(fields.get('q')) : 'of something else');
    }
    latest = { text, policies };
    return policies;
}

/** The members of a structured field (RFC 9651), each with its parameters; leniently: what is none is a member that says nothing. */
const membersOf = (text: string): [head: string, parameters: Map<string, string>][] =>
    text.length > MAX_TEXT
        ? []
        : split(text, ',').map((member) => {
              const [head = '', ...parameters] = split(member, ';').map((piece) => piece.trim());
              return [head, new Map(parameters.map((one) => [one.split('=', 1)[0]!, one.slice(one.indexOf('=') + 1)]))];
          });

/** Splits a text at a sign that stands in no quotes. */
function split(text: string, sign: string): string[] {
    if (!text.includes('"')) return text.split(sign);
    const pieces: string[] = [];
    let begin = 0;
    let isQuoted = false;
    for (let i = 0; i < text.length; i++) {
        if (text[i] === '\\' && isQuoted) i++;
        else if (text[i] === '"') isQuoted = !isQuoted;
        else if (text[i] === sign && !isQuoted) {
            pieces.push(text.slice(begin, i));
            begin = i + 1;
        }
    }
    pieces.push(text.slice(begin));
    return pieces;
}

/** A number that is none of calls or seconds (negative, endless) is null. */
const numberOf = (text = ''): number | null => (/^\d{1,15}(?:\.\d{1,9})?$/.test(text) ? Number(text) : null);

/** How long until then, in ms: seconds from now, or a time in one of four forms, measured against the clock of the target. Null for what is over, or absurd. */
function resetOf(text: string | undefined, from: () => number): number | null {
    if (text === undefined) return null;
    const number = numberOf(text);
    const at = number === null ? dateOf(text, from) : number > UNIX_MS ? number : number > UNIX_SECONDS ? number * 1000 : null;
    const ms = at === null ? (number ?? NaN) * 1000 : at - from();
    return ms >= 0 && ms <= LONGEST_MS ? Math.ceil(ms) : null;
}

function dateOf(text: string, from: () => number): number | null {
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/.test(text)) return parseHttpDate(text, from());
    const at = Date.parse(text);
    return Number.isNaN(at) ? null : at;
}
