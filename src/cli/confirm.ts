// The question before something that cannot be taken back.
import { CliError } from './errors';
import type { Session } from './session';

/** Says what is touched, and asks. @throws CliError where nobody says yes, or nobody is there to be asked */
export async function confirm(session: Session, touched: string, what: string): Promise<void> {
    session.say(touched);
    if (!session.canAsk) throw new CliError(`Nothing was done: without a terminal nobody can be asked. Add --yes to ${what}.`);
    const answer = await session.shell.ask(`Really ${what}? [y/N] `, session.shell.signal);
    if (!/^y(es)?$/i.test(answer?.trim() ?? '')) throw new CliError('Nothing was done.');
}
