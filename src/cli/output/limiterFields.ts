// A limiter as tables and CSV show it.
import type { Limiter } from '../../client';
import type { Column } from './printer';

export const limiterColumns: Column<Limiter>[] = [
    { name: 'name', of: ({ name }) => name },
    { name: 'rates', of: ({ rate }) => rate.configured.join(' ') },
    { name: 'paced', of: ({ rate }) => rate.paced, right: true },
    { name: 'learned', of: ({ rate }) => rate.learned, right: true },
    { name: 'in flight', of: ({ inFlight }) => inFlight.now, right: true },
    { name: 'at most', of: ({ inFlight }) => inFlight.limit, right: true },
    { name: 'gate', of: ({ gate }) => gate.state },
    { name: 'breaker', of: ({ breaker }) => breaker.state },
];

export const limiterFields: Column<Limiter>[] = [
    { name: 'name', of: ({ name }) => name },
    { name: 'rates', of: ({ rate }) => rate.configured.join(' ') },
    { name: 'of', of: ({ rate }) => rate.by },
    { name: 'paced, calls/s', of: ({ rate }) => rate.paced },
    { name: 'learned, calls/s', of: ({ rate }) => rate.learned },
    { name: 'hinted, calls/s', of: ({ rate }) => rate.hinted },
    { name: 'in flight', of: ({ inFlight }) => inFlight.now },
    { name: 'in flight at most', of: ({ inFlight }) => inFlight.limit },
    { name: 'windows', of: ({ windows }) => windows.map(({ rate, used, left }) => `${rate}: ${used} used, ${left} left`).join('; ') },
    { name: 'gate', of: ({ gate }) => (gate.until === null ? gate.state : `${gate.state} until ${gate.until}`) },
    {
        name: 'breaker',
        of: ({ breaker }) =>
            breaker.why === null ? breaker.state : `${breaker.state}: ${breaker.why}; next probe ${breaker.probeAt ?? 'soon'}`,
    },
    { name: 'succeeded last', of: ({ succeededAt }) => succeededAt },
    { name: 'processes', of: ({ holders }) => holders.length },
    { name: 'jobs', of: ({ holders }) => [...new Set(holders.flatMap(({ jobs }) => jobs.map(({ id }) => id)))].join(' ') },
    { name: 'set by', of: ({ setBy }) => setBy },
    { name: 'set at', of: ({ setAt }) => setAt },
];
