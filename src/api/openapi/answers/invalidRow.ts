// A row of the source that is no item.
import { z } from 'zod';
import { rowCodes, type RowCode } from '../../../core/codes';
import { text } from './parts';

export const invalidRow = z
    .strictObject({
        line: z.int().min(1).meta({ description: 'Line of the file on which the row begins, or position in the JSON array, from 1.' }),
        code: z.enum(Object.keys(rowCodes) as [RowCode]).meta({ description: 'What is wrong; docs/codes.md says what to do about it.' }),
        message: text('The same for people.'),
    })
    .meta({ id: 'InvalidRow', description: 'A row of the source that is no item.' });
