// GET /limiters: a page at a time, in no order that says anything.
import type { LimiterView } from '../../application/limiterView';
import { listLimiters as list } from '../../application/limiters';
import { sealed, unsealed } from '../http/cursor';
import { badParameter, intParam, json, PAGE, type Handler } from '../http/frame';

export interface LimiterPage {
    limiters: LimiterView[];
    /** Token of the next page; absent at the end of the list. */
    next?: string;
}

const LIST = 'GET /limiters';

export const listLimiters: Handler = async (request, { store: open }) => {
    const limit = intParam(request, 'limit', PAGE);
    const word = request.query.get('continuation');
    const position = word === null ? undefined : unsealed(LIST, word);
    const page = position === null ? null : await list((await open()).limiters, limit, position);
    if (!page) throw badParameter('continuation', 'not a token of this list', 'the value of "next"');
    const { limiters, next } = page;
    return json(200, { limiters, ...(next ? { next: sealed(LIST, next) } : {}) } satisfies LimiterPage);
};
