// The program. Bundled into one file, dist/cli/fanfold.js (scripts/build.mjs).
import { realShell } from './realShell';
import { runCli } from './runCli';

/** Put in by the bundler, from package.json. */
declare const FANFOLD_VERSION: string;

const shell = realShell();
const fall = (error: unknown): never => {
    process.stderr.write(`fanfold: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
};
process.on('unhandledRejection', fall);
process.on('uncaughtException', fall);
// Ended by hand, when all is written: a connection that is kept for a next request would hold the process up.
runCli(shell, process.argv.slice(2), FANFOLD_VERSION).then((code) => process.exit(code), fall);
