// What operations are about.
export const tags = {
    Jobs: 'Starting, seeing, steering and listing jobs.',
    Results: 'What became of the items of a job.',
    Uploads: 'Files that jobs read, whole or in parts (tus 1.0.0).',
    Limiters: 'What targets may be asked, and who asks.',
    Host: 'The app itself.',
} as const;
export type Tag = keyof typeof tags;
