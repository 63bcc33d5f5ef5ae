// How far a job is, in one line.
import type { Job } from '../../client';
import { cut, number, printable, stretch, widthOf } from '../output/text';
import { bar, type Content, type Segment } from './liveLine';

/** A host that does not answer: since when, in ms, and why. */
export interface Silence {
    url: string;
    since: number;
    why: string;
}

const done = ({ counts: c }: Job): number => c.succeeded + c.failed + c.skipped + c.cancelled + c.expired;

/** States that tell by themselves what is going on. */
const WORDS: Partial<Record<Job['state'], string>> = { awaitingApproval: 'waits for approval' };

export function progressOf(job: Job, news: boolean, now: () => number, silence: Silence | null = null): Content {
    return {
        news,
        line: (width) => lineOf(job, width, now(), silence),
        plain: () => [job.state, ...partsOf(job, now()).map(({ text }) => text)].join(', '),
    };
}

export const silenceText = ({ url, since, why }: Silence, now: number): string =>
    `no answer from ${url} for ${Math.round((now - since) / 1000)} s, trying again (${printable(why)})`;

interface Part extends Segment {
    /** What is left out first where there is no room. */
    rank: number;
}

function partsOf(job: Job, now: number): Part[] {
    const { counts, rate, eta, waiting, step, ended } = job;
    const parts: (Part | false | null | undefined)[] = [
        {
            text: counts.total === null ? (step ? `${number(step.done)} read` : '') : `${number(done(job))}/${number(counts.total)}`,
            rank: 0,
        },
        counts.failed > 0 && { text: `${number(counts.failed)} failed`, colour: 'red', rank: 1 },
        counts.skipped > 0 && { text: `${number(counts.skipped)} skipped`, rank: 5 },
        counts.retries > 0 && { text: `${number(counts.retries)} retries`, rank: 6 },
        counts.invalid > 0 && { text: `${number(counts.invalid)} bad rows`, rank: 7 },
        rate > 0 && { text: `${number(rate)}/s`, rank: 3 },
        !ended && eta && { text: etaText(eta, now), rank: 2 },
        !ended && waiting && { text: waitText(waiting, now), colour: 'yellow', rank: 4 },
        !ended && eta && { text: `(${printable(eta.reason)})`, colour: 'dim', rank: 8 },
    ];
    return parts.filter((part): part is Part => Boolean(part) && (part as Part).text !== '');
}

function etaText({ earliest, latest }: NonNullable<Job['eta']>, now: number): string {
    const [from, to] = [stretch(Date.parse(earliest) - now), stretch(Date.parse(latest) - now)];
    return from === to ? `${to} left` : `${from} to ${to} left`;
}

function waitText({ for: what, until }: NonNullable<Job['waiting']>, now: number): string {
    const left = until === null ? 0 : Date.parse(until) - now;
    return `waits for ${printable(what)}${until === null ? '' : left > 0 ? `, for ${stretch(left)}, until ${until.slice(0, 19)}Z` : ''}`;
}

const GAP = ' · ';
const LONGEST_BAR = 24;
const SHORTEST_BAR = 6;

/** What there is room for: parts are left out by their rank, what is left is filled by the bar. */
function lineOf(job: Job, width: number, now: number, silence: Silence | null): Segment[] {
    const { total } = job.counts;
    const share = total ? done(job) / total : 0;
    const head: Segment[] = [{ text: WORDS[job.state] ?? printable(job.state), colour: 'bold' }];
    const percent = total ? ` ${String(Math.floor(share * 100)).padStart(3)} %` : '';
    let parts: Part[] = silence
        ? [...partsOf(job, now).slice(0, 1), { text: silenceText(silence, now), colour: 'yellow', rank: 0 }]
        : partsOf(job, now);
    const room = width - widthOf(head[0]!.text) - widthOf(percent) - 1;
    const length = (): number => parts.reduce((sum, { text }) => sum + GAP.length + widthOf(text), 0);
    const shortestBar = total && room > 40 ? SHORTEST_BAR : 0;
    while (parts.length > 1 && length() + shortestBar > room) {
        const least = parts.reduce((a, b) => (b.rank >= a.rank ? b : a));
        const over = length() + shortestBar - room;
        // A long text is cut as long as something of it stays.
        if (widthOf(least.text) - over >= 16) {
            least.text = cut(least.text, widthOf(least.text) - over);
            break;
        }
        if (least.rank === 0) break;
        parts = parts.filter((part) => part !== least);
    }
    const barWidth = total ? Math.max(0, Math.min(LONGEST_BAR, room - length())) : 0;
    const drawn = barWidth >= SHORTEST_BAR ? [{ text: ' ' }, ...bar(share, barWidth)] : [];
    return [...head, ...drawn, { text: percent }, ...parts.flatMap((part) => [{ text: GAP }, part])];
}
