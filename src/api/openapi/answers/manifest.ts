// The files of a job's outcomes, and what verification finds in them.
import { z } from 'zod';
import { findingCodes, type FindingCode } from '../../../core/codes';
import { count, counts, flag, text, time } from './parts';

const part = z
    .strictObject({
        part: count('Number of the partition, from 0.'),
        name: text('Name of its blob in the data container.'),
        segments: z.array(z.string()).meta({ description: 'All blobs that it lies in, when there are several.' }).exactOptional(),
        bytes: count('Length, of all segments together.'),
        items: count('Outcomes in it.'),
        sha256: z.string().meta({ description: 'SHA-256 of its bytes.', pattern: '^[0-9a-f]{64}$' }),
        counts,
    })
    .meta({ id: 'ManifestPart', description: 'The outcomes of one partition.' });

export const manifest = z
    .strictObject({
        jobId: text('The job.'),
        total: count('Items of the job.'),
        counts,
        parts: z.array(part).meta({ description: 'One for each partition.' }),
        createdAt: time('When the job was folded.'),
    })
    .meta({ id: 'Manifest', description: 'The files of the outcomes, with digests and counts.' });

const finding = z
    .strictObject({
        code: z
            .enum(Object.keys(findingCodes) as [FindingCode])
            .meta({ description: 'What is wrong; docs/codes.md says what to do about it.' }),
        message: text('The same for people.'),
        part: count('The partition, where it is about one.').exactOptional(),
        index: count('The item, where it is about one.').exactOptional(),
    })
    .meta({ id: 'Finding', description: 'What is wrong with stored outcomes.' });

export const verdict = z
    .strictObject({
        ok: flag('Every file has the bytes of the manifest, and every item exactly one outcome.'),
        total: count('Items of the job.'),
        counts,
        parts: count('Partitions.'),
        problems: z.array(finding).max(100).meta({ description: 'The first hundred of what was found.' }),
        problemCount: count('How many were found.'),
        unrecorded: count('Items that the job says itself have no outcome; absent where there are none.').exactOptional(),
    })
    .meta({ id: 'Verdict', description: 'What reading every outcome again has found.' });
