// Timer triggers: NCRONTAB, six fields, in UTC.
import type { App, RegisteredFunction } from './core';

type Field = (value: number) => boolean;
type Six = [Field, Field, Field, Field, Field, Field];

/** Names of months and days, as numbers. */
const numbered = (names: string, first: number) => names.split(' ').map((name, i) => [name, i + first] as const);
const names: Record<string, number> = Object.fromEntries([
    ...numbered('jan feb mar apr may jun jul aug sep oct nov dec', 1),
    ...numbered('sun mon tue wed thu fri sat', 0),
]);
// prettier-ignore
const LIMITS = [[0, 59], [0, 59], [0, 23], [1, 31], [1, 12], [0, 6]] as const;

function field(text: string, min: number, max: number): Field {
    const number = (t: string) => names[t.toLowerCase()] ?? Number(t);
    const allowed = new Set<number>();
    for (const part of text.split(',')) {
        const [range = '*', step = '1'] = part.split('/');
        const [from, to] =
            range === '*'
                ? [min, max]
                : range.includes('-')
                  ? range.split('-').map(number)
                  : [number(range), part.includes('/') ? max : number(range)];
        if (!Number.isInteger(from) || !Number.isInteger(to) || !(Number(step) > 0))
            throw new Error(`"${text}" is no field of an NCRONTAB expression`);
        for (let v = from!; v <= to!; v += Number(step)) allowed.add(v);
    }
    return (v) => allowed.has(v);
}

/** The next time (ms) after `after` that a six-field NCRONTAB expression names. */
export function nextTime(expression: string, after: number): number {
    const parts = expression.trim().split(/\s+/);
    if (parts.length === 5) parts.unshift('0');
    if (parts.length !== 6) throw new Error(`the schedule "${expression}" has ${parts.length} fields; NCRONTAB has six`);
    const [second, minute, hour, day, month, weekday] = parts.map((part, i) => field(part, LIMITS[i]![0], LIMITS[i]![1])) as Six;
    let t = Math.floor(after / 1000) * 1000 + 1000;
    for (const limit = after + 5 * 366 * 86_400_000; t < limit;) {
        const d = new Date(t);
        if (!month(d.getUTCMonth() + 1) || !day(d.getUTCDate()) || !weekday(d.getUTCDay()))
            t = Math.floor(t / 86_400_000) * 86_400_000 + 86_400_000;
        else if (!hour(d.getUTCHours())) t = Math.floor(t / 3_600_000) * 3_600_000 + 3_600_000;
        else if (!minute(d.getUTCMinutes())) t = Math.floor(t / 60_000) * 60_000 + 60_000;
        else if (!second(d.getUTCSeconds())) t += 1000;
        else return t;
    }
    throw new Error(`the schedule "${expression}" names no time in the next five years`);
}

/** `client` is the payload of a durable client binding, for functions that ask for one. */
export function startTimers(app: App, client: string, log: (message: string) => void): () => void {
    const stops = app.byTrigger('timerTrigger').map((fn) => startTimer(app, fn, client, log));
    return () => stops.forEach((stop) => stop());
}

function startTimer(app: App, fn: RegisteredFunction, client: string, log: (message: string) => void): () => void {
    const schedule = String(fn.trigger.binding.schedule).replaceAll(/^%(.+)%$/g, (_, name: string) => process.env[name] ?? '');
    const clients = Object.entries(fn.metadata.bindings).flatMap(([name, { type }]) =>
        type.toLowerCase() === 'durableclient' ? [{ name, data: { string: client } }] : [],
    );
    let last = new Date(0).toISOString();
    let timer: NodeJS.Timeout;
    const arm = () => {
        const due = nextTime(schedule, Date.now());
        const fire = () => {
            const now = Date.now();
            // setTimeout counts in 31 bits: a far time is reached in steps.
            if (due - now > 1) return (timer = setTimeout(fire, Math.min(due - now, 2 ** 31 - 1)));
            const next = nextTime(schedule, due);
            // What fires more than once a minute is not kept account of.
            const status = next - due < 60_000 ? null : { Last: last, Next: new Date(next).toISOString(), LastUpdated: last };
            const json = { Schedule: { AdjustForDST: true }, ScheduleStatus: status, IsPastDue: false };
            last = new Date(due).toISOString();
            const [year, month, day] = last.slice(0, 10).split('-');
            const metadata = { TimerTrigger: { string: `${month}/${day}/${year} ${last.slice(11, 19)}` } };
            app.invoke(fn, [{ name: fn.trigger.name, data: { json: JSON.stringify(json) } }, ...clients], metadata).catch(
                (error: unknown) => log(`${fn.metadata.name} failed: ${String(error)}`),
            );
            return arm();
        };
        fire();
    };
    arm();
    return () => clearTimeout(timer);
}
