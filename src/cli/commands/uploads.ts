// fanfold uploads …: files on the host, for jobs that name them.
import type { Command } from 'commander';
import type { Upload } from '../../client';
import { confirm } from '../confirm';
import { badSpec } from '../errors';
import { writeOne } from '../output/forms';
import { bytes, printable } from '../output/text';
import type { Column } from '../output/printer';
import { openInput } from '../run/input';
import { sendFile } from '../run/sendFile';
import type { Session } from '../session';
import { example, type Call } from '../use';

const fields: Column<Upload>[] = [
    { name: 'id', of: ({ id }) => id },
    { name: 'name', of: ({ name }) => name },
    { name: 'bytes', of: ({ bytes }) => bytes },
    { name: 'announced', of: ({ length }) => length },
    { name: 'complete', of: ({ complete }) => complete },
    { name: 'sha256', of: ({ sha256 }) => sha256 },
    { name: 'created', of: ({ createdAt }) => createdAt },
];

export function addUploads(program: Command, call: Call): void {
    const uploads = program.command('uploads').description('files on the host, for a --spec that names them');
    uploads
        .command('add')
        .argument('<file>', 'of any size, at most 195 GB; - reads standard input')
        .description('upload a file. Broken off, the same command goes on where it stood')
        .addHelpText('after', example('fanfold uploads add customers.csv'))
        .action(call.does(async (session: Session, file: string) => add(session, file)));
    uploads
        .command('get')
        .argument('<id>', 'of the upload')
        .description('what is known of an upload')
        .addHelpText('after', example('fanfold uploads get 6f2d4c1e-9b0a-4e52-8f53-0a4ad5a4b7c1'))
        .action(
            call.does(async (session: Session, id: string) =>
                writeOne(session.printer, fields, await session.client().getUpload(id, { signal: session.shell.signal })),
            ),
        );
    uploads
        .command('delete')
        .argument('<id>', 'of the upload')
        .option('-y, --yes', 'do it without a question; needed where there is no terminal')
        .description('delete an upload. A job that reads it later, or still does, fails. It asks first')
        .addHelpText('after', example('fanfold uploads delete 6f2d4c1e-9b0a-4e52-8f53-0a4ad5a4b7c1 --yes'))
        .action(call.does(async (session: Session, id: string, options: { yes?: boolean }) => remove(session, id, options)));
}

async function add(session: Session, file: string): Promise<void> {
    const input = await openInput(session, file);
    try {
        if (input.size === 0) throw badSpec(`${input.label} is empty.`);
        const { upload, forget } = await sendFile(session, input);
        forget();
        await writeOne(session.printer, fields, upload);
    } finally {
        await input.close();
    }
}

async function remove(session: Session, id: string, { yes }: { yes?: boolean }): Promise<void> {
    const client = session.client();
    const { signal } = session.shell;
    if (!yes) {
        const upload = await client.getUpload(id, { signal });
        await confirm(session, `Upload ${id}${upload.name ? ` (${printable(upload.name)})` : ''} has ${bytes(upload.bytes)}.`, 'delete');
    }
    await client.deleteUpload(id, { signal });
    session.say(`Deleted upload ${id}.`);
}
