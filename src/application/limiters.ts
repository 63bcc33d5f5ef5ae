// The limiters as users see and set them.
import { problem } from '../core/errors';
import { settled, type Settings } from '../core/limiter/register';
import { isBadPosition } from '../storage/jobIndex';
import type { LimiterStore } from '../storage/limiterStore';
import { limiterView, type LimiterView } from './limiterView';
import { othersFirst } from './othersFirst';

/** @throws Problem LIMITER_NOT_FOUND */
export async function readLimiter(store: Pick<LimiterStore, 'read'>, name: string): Promise<LimiterView> {
    const found = await store.read(name, null);
    if (found.found !== 'register') throw problem('LIMITER_NOT_FOUND', { detail: `There is no limiter "${name}".` });
    return limiterView(found.register, found.date);
}

/** A page of the list; null when storage does not know the position that it is to begin at. */
export async function listLimiters(
    store: Pick<LimiterStore, 'list'>,
    limit: number,
    position?: string,
): Promise<{ limiters: LimiterView[]; next: string | undefined } | null> {
    try {
        const { registers, next } = await store.list(limit, position);
        return { limiters: registers.map(({ register, date }) => limiterView(register, date)), next };
    } catch (error) {
        if (position !== undefined && isBadPosition(error)) return null;
        throw error;
    }
}

/** Sets what the target may be asked, in place of what was set before; processes see it when they look next. */
export async function setLimiter(store: Pick<LimiterStore, 'change'>, name: string, settings: Settings, by: string): Promise<LimiterView> {
    const { register, date } = await store.change(name, (before, now) => settled(before, settings, by, now)).catch(othersFirst('limiter'));
    return limiterView(register, date);
}
