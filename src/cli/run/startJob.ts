// The start of a job: checked before anything is sent, and posted so that asking twice is one job.
import { ApiError, isUnavailable, NetworkError, type FanfoldClient, type Job } from '../../client';
import { writeExact } from '../../json/exactJson';
import { Interrupted } from '../errors';
import { quoted, type Session } from '../session';
import { RIDE_OUT_MS } from './sendFile';
import { withSource } from './assembleSpec';
import type { Fields } from './specText';

/**
 * Has the API check a spec before its file is sent, which may take hours. It is posted with an upload that does not exist, so that nothing is started; what is
 * wrong beside that is thrown.
 */
export async function checkBefore(client: FanfoldClient, session: Session, spec: Fields, format: string | undefined): Promise<void> {
    const text = writeExact(withSource(spec, session.shell.uuid(), format));
    try {
        await client.startJob(text, { signal: session.shell.signal });
    } catch (error) {
        if (!(error instanceof ApiError) || error.code !== 'BAD_SPEC') throw error;
        const errors = error.errors.filter(({ pointer }) => pointer !== '/source/upload');
        if (errors.length === 0) return;
        const detail = `${errors.length === 1 ? 'One problem' : `${errors.length} problems`}; the first: ${errors[0]!.pointer || 'the document'}: ${errors[0]!.message}.`;
        throw new ApiError(
            { method: error.method, path: error.path, url: '' },
            error.status,
            { ...error.problem!, detail, errors },
            error.body,
        );
    }
}

/** `key`: of an earlier try, or new; one that another spec was started with makes room for a new one. */
export async function startOnce(session: Session, text: string, key: string, isGiven: boolean): Promise<Job> {
    const client = session.client();
    const { signal } = session.shell;
    const retry = {
        forMs: RIDE_OUT_MS,
        on: (error: unknown) =>
            error instanceof ApiError && error.code === 'IDEMPOTENCY_IN_PROGRESS' ? true : isUnavailable(error as ApiError),
    };
    try {
        return await client.startJob(text, { idempotencyKey: key, signal, retry });
    } catch (error) {
        // It was asked for, and what became of that nobody has heard.
        if (error instanceof Interrupted || error instanceof NetworkError) {
            session.say('Whether the job was started is not known.');
            session.say(`See what is there: ${session.command('jobs list')}`);
            session.say(`The same command with --idempotency-key ${quoted(key)} starts it once at most.`);
        }
        if (isGiven || !(error instanceof ApiError) || error.code !== 'IDEMPOTENCY_CONFLICT') throw error;
        return client.startJob(text, { idempotencyKey: session.shell.uuid(), signal, retry });
    }
}
