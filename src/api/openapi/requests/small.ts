// The bodies of moves and of limiters.
import { limiterSettings } from '../../../contracts/limiter';
import { moveBody } from '../../../contracts/requests';
import { MAX_RATES } from '../../../core/limiter/rate';
import { described, type Schema } from './described';
import { rates } from './forms';

export const moveBodySchema = (): Schema =>
    described(moveBody, {
        '': 'Why the job is moved, if that is to be kept.',
        '/reason': 'Kept in the timeline of the job. 1 to 500 characters.',
    });

export const limiterSettingsSchema = (): Schema =>
    described(limiterSettings, {
        '': 'What a target may be asked, in place of what was set before. What is null or absent is not limited: `{}` takes back all that was set.',
        '/rate': {
            description: 'How often it may be called: one rate, or a list of 5 at most.',
            anyOf: [...rates(0, MAX_RATES), { type: 'null' }],
        },
        '/inFlight': 'Calls at once, 1 to 100,000.',
    });
