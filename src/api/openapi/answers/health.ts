// Whether the app reaches its storage.
import { z } from 'zod';

export const health = z
    .strictObject({
        status: z.enum(['ok', 'unavailable']).meta({ description: 'Whether storage answers within five seconds.' }),
    })
    .meta({ id: 'Health', description: 'Whether the app reaches its storage.' });
