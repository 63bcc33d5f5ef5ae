// The register of a target as it is stored, and what administrators send of it.
import { z } from 'zod';
import { MAX_RATES, parseRate, RATE_FORM, rateText, strictest, type Rate } from '../core/limiter/rate';
import type { Register, RegisterEvent, Settings } from '../core/limiter/state';
import type { FieldError } from '../core/errors';
import { contract, type Contract } from './contract';
import { fieldErrors } from './jobSpec';
import { count, time } from './parts';

const writtenRate = z.string().refine((text) => parseRate(text) !== null, { error: `no rate; write ${RATE_FORM}` });
const rate = z.codec(writtenRate, z.object({ n: count, perMs: count }) satisfies z.ZodType<Rate>, {
    decode: (text) => parseRate(text) ?? { n: 0, perMs: 0 },
    encode: rateText,
});
const errand = z.object({ by: z.string(), until: time }).nullable();
const event = z.discriminatedUnion('kind', [
    z.object({ at: time, kind: z.literal('gate'), ms: z.number() }),
    z.object({ at: time, kind: z.literal('scouted'), left: z.number() }),
    z.object({ at: time, kind: z.literal('refused'), rate: z.number() }),
    z.object({ at: time, kind: z.literal('opened'), why: z.string() }),
    z.object({ at: time, kind: z.literal('closed'), ms: z.number() }),
    z.object({ at: time, kind: z.literal('set'), by: z.string() }),
]) satisfies z.ZodType<RegisterEvent>;

const need = z.object({ want: z.number().nullable(), inFlight: count });
const holder = z.object({
    seq: count,
    until: time,
    rate: z.number().nullable(),
    inFlight: z.number().nullable(),
    quota: z.number(),
    accepted: z.number(),
    jobs: z.record(z.string(), need),
    rates: z.array(rate),
});

const register = z.object({
    name: z.string(),
    set: z.object({ rates: z.array(rate), inFlight: count.nullable(), by: z.string(), at: time }).nullable(),
    learned: z.object({ base: z.number(), at: time, isSlow: z.boolean(), throttledAt: time }).nullable(),
    bears: z.number().nullable(),
    cycle: z.object({ since: time, accepted: z.number() }).nullable(),
    hint: z.object({ rate: z.number(), until: time }).nullable(),
    windows: z.array(z.object({ perMs: count, at: count, used: z.array(z.number()) })),
    gate: z
        .object({ since: time, until: time, accepted: z.number(), scouts: count, scoutsAfter: z.number(), scout: errand, refused: count })
        .nullable(),
    overstatesUntil: time,
    meansUntil: time,
    breaker: z
        .object({ since: time, failingSince: time, why: z.string(), failed: count, probeAt: time, everyMs: z.number(), probe: errand })
        .nullable(),
    succeededAt: time.nullable(),
    holders: z.record(z.string(), holder),
    asked: z.array(z.object({ jobs: z.array(z.string()), rates: z.array(rate), until: time })).default([]),
    log: z.array(event),
}) satisfies z.ZodType<Register, object>;
export const registerDocument: Contract<Register> = contract('limiter', register);

/** The body of `PUT /limiters/{name}`. */
export const limiterSettings = z.strictObject({
    rate: z
        .union([writtenRate, z.array(writtenRate).max(MAX_RATES)], { error: `neither a rate nor a list of them; write ${RATE_FORM}` })
        .nullish(),
    inFlight: z.int().min(1).max(100_000).nullish(),
});

/** As users write it. */
export type SettingsInput = z.input<typeof limiterSettings>;

/** What an administrator wants, or what is wrong with it. */
export function parseSettings(document: unknown): { ok: true; settings: Settings } | { ok: false; errors: FieldError[] } {
    const read = limiterSettings.safeParse(document);
    if (!read.success) return { ok: false, errors: fieldErrors(read.error, document, Object.keys(limiterSettings.shape)) };
    const { rate: texts, inFlight = null } = read.data;
    const rates = [texts ?? []].flat().map((text) => parseRate(text)!);
    const errors = rates.flatMap(({ perMs }, i): FieldError[] => {
        const first = rates.findIndex((other) => other.perMs === perMs);
        return first === i
            ? []
            : [{ pointer: `/rate/${i}`, message: `a second rate for the window of /rate/${first}`, allowed: 'one for each length' }];
    });
    return errors.length > 0 ? { ok: false, errors } : { ok: true, settings: { rates: strictest(rates), inFlight } };
}
