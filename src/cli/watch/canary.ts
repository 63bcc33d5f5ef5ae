// A canary that has come to its end: what it came to, and the question whether the rest is called.
import { ApiError, isUnavailable, type CallError, type FanfoldClient, type Job } from '../../client';
import { writeExact } from '../../json/exactJson';
import { cut, items, number, printable } from '../output/text';
import { RIDE_OUT_MS } from '../run/sendFile';
import type { Session } from '../session';

export interface Asked {
    session: Session;
    client: FanfoldClient;
    /** Without a question. */
    yes: boolean;
    /** Kept in the job's timeline. */
    reason: string | undefined;
    signal: AbortSignal;
    say: (text: string) => void;
}

/** Tells of the canary and has somebody decide, where there is somebody. Gives whether a word was given. */
export async function decideCanary(job: Job, { session, client, yes, reason, signal, say }: Asked): Promise<boolean> {
    for (const line of canaryLines(job)) say(line);
    if (!yes && !session.canAsk) {
        say('It waits for a word on its canary:');
        for (const line of commandsOf(job, session)) say(line);
        return false;
    }
    const answer = yes ? 'a' : await answerOf(session, signal);
    let isSaid = false;
    const on = (error: CallError): boolean => {
        if (!isUnavailable(error)) return false;
        if (!isSaid) say('The host does not take the word on the canary; trying again.');
        return (isSaid = true);
    };
    // A second word does nothing: what is decided is decided.
    const given = { ...(reason === undefined ? {} : { reason }), signal, retry: { forMs: RIDE_OUT_MS, on } };
    try {
        if (answer === 'a') await client.approveJob(job.id, given);
        else if (answer === 'r') await client.rejectJob(job.id, given);
        else {
            say('Later, then. It goes on when somebody has said so:');
            for (const line of commandsOf(job, session)) say(line);
            return false;
        }
    } catch (error) {
        if (!(error instanceof ApiError) || error.code !== 'ILLEGAL_MOVE') throw error;
        say('It is decided already.');
    }
    return true;
}

async function answerOf(session: Session, signal: AbortSignal): Promise<'a' | 'r' | 'l'> {
    for (;;) {
        const line = await session.shell.ask('Call the rest? [a]pprove, [r]eject, [l]ater: ', signal);
        if (line === null) return 'l';
        const word = line.trim().toLowerCase();
        const found = (['approve', 'reject', 'later'] as const).find((one) => word !== '' && one.startsWith(word));
        if (found) return found[0] as 'a' | 'r' | 'l';
    }
}

const commandsOf = ({ id }: Job, session: Session): string[] => [
    `  ${session.command(`jobs approve ${id}`)}`,
    `  ${session.command(`jobs reject ${id}`)}`,
];

const SHOWN = 160;

function canaryLines({ canary, counts }: Job): string[] {
    if (!canary) return ['The canary has come to its end.'];
    const { counts: c, failures, latency, samples, estimate, until } = canary;
    const lines = [
        `The canary of ${items(canary.items)} has come to its end: ${number(c.succeeded)} succeeded, ${number(c.failed)} failed, ${number(c.retries)} retries` +
            (latency ? `; calls took ${latency.p50} ms (p50) to ${latency.p99} ms (p99).` : '.'),
        ...failures.map(
            ({ count, code, message, sample }) =>
                `  ${number(count)} × ${printable(`${code} ${message}${sample.request ? ` (${sample.request})` : ''}`)}`,
        ),
        ...samples.map((sample) => `  ${cut(printable(writeExact(sample)), SHOWN)}`),
    ];
    const rest = counts.total === null ? null : counts.total - canary.items;
    if (estimate)
        lines.push(
            `The rest${rest === null ? '' : `, ${items(rest)},`} is likely to take ${estimate.duration.earliest} to ${estimate.duration.latest}: ${printable(estimate.reason)}.`,
        );
    if (until) lines.push(`Without a word it is rejected at ${until}.`);
    return lines;
}
