// fanfold run: a file, or a whole job spec, becomes a job.
import { Option, type Command } from 'commander';
import type { Job } from '../../client';
import { writeExact } from '../../json/exactJson';
import { durationOption, DURATION_FORM } from '../duration';
import { badSpec, CliError } from '../errors';
import type { ExitCode } from '../exitCodes';
import { collect, pairs } from '../options';
import { writeOne } from '../output/forms';
import { jobFields } from '../output/jobFields';
import { printable } from '../output/text';
import { assembleSpec, methods, saysAnything, withSource, type SpecOptions } from '../run/assembleSpec';
import { openInput, readWhole, STDIN } from '../run/input';
import { sendFile } from '../run/sendFile';
import { isFields, readSpec, type Fields } from '../run/specText';
import { checkBefore, startOnce } from '../run/startJob';
import type { Session } from '../session';
import { example, type Call } from '../use';
import { watchJob } from '../watch/watchJob';

interface RunOptions extends SpecOptions {
    spec?: string;
    idempotencyKey?: string;
    wait?: boolean;
    timeout?: number;
    yes?: boolean;
    reason?: string;
}

/** Of a spec, with its inline items; the API takes 16 MiB. */
const MAX_SPEC_BYTES = 17 * 1024 * 1024;

export function addRun(program: Command, call: Call): void {
    const run = program
        .command('run')
        .argument('[file]', 'CSV, NDJSON or JSON of any size; - reads standard input. May be left out where --spec has a source')
        .description('upload a file and start a job with it: every row is called')
        .optionsGroup('What is done with a row:');
    for (const method of methods)
        run.option(`--${method} <url>`, `${method.toUpperCase()} this URL; {field} in it is that field of the row`);
    run.option('--processor <name>', 'process each row with this processor of the app')
        .option('--options <json>', "the processor's options")
        .option(
            '--header <header>',
            "a header of the call, as 'name: value'; 'name: secret:NAME' sends the app's setting NAME. As often as needed, at most 100",
            collect,
        )
        .option('--body <expr>', 'the body of the call, by JMESPath on the row (default: the whole row)')
        .option(
            '--var <name=expr>',
            'a variable of the URL, by JMESPath on the row (default: the field of that name). As often as needed, at most 50',
            pairs,
        )
        .option('--success <expr>', 'when a call has succeeded, by JMESPath on {status, body} (default: any 2xx)')
        .optionsGroup('How the file is read:')
        .addOption(
            new Option('--format <format>', "how the file is read (default: by its name's ending)").choices(['csv', 'ndjson', 'json']),
        )
        .option('--key <expr>', 'what names a row, by JMESPath (default: its position from 0)')
        .addOption(
            new Option('--on-invalid <what>', 'bad rows fail the job, or are left out (default: reject)').choices(['reject', 'skip']),
        )
        .optionsGroup('How fast, and how far:')
        .option('--concurrency <n>', 'calls in flight at most: 1 to 512 (default: 64)')
        .option(
            '--rate <rate>',
            'calls in time at most, such as 50/s or 10000/day. As often as needed, at most 5 (default: no limit)',
            collect,
        )
        .option('--limiter <name>', 'the limiter that the calls are counted by (default: the host that is called)')
        .option('--attempts <n>', 'attempts at a row, the first included: 1 to 20 (default: 5)')
        .option('--canary <n>', 'so many rows first, alone: 1 to 10000 (default: none)')
        .addOption(
            new Option('--approval <how>', 'who lets the rest run after the canary (default: manual)').choices(['manual', 'automatic']),
        )
        .option('--budget <n>', 'so many failed rows, or such a share of them (5%), stop the job (default: no limit)')
        .addOption(new Option('--budget-then <what>', 'what the budget does to the job (default: pause)').choices(['pause', 'cancel']))
        .option('--start-at <time>', 'when to begin, ISO 8601 with a time zone, at most 400 days ahead (default: at once)')
        .option(
            '--deadline <when>',
            'when to end whatever is left: a time with its zone, or an ISO duration from PT1S to P400D (default: never)',
        )
        .optionsGroup('The job:')
        .option('--spec <file>', 'a whole job spec as JSON, at most 16 MiB; options win over it. - reads standard input')
        .option('--name <name>', 'what people call the job: 1 to 200 characters (default: unnamed)')
        .option('--tag <name=value>', 'a tag to find it by. As often as needed, at most 50', pairs)
        .addOption(new Option('--keep <whose>', 'whose answers are kept (default: all)').choices(['all', 'failed', 'none']))
        .option(
            '--idempotency-key <key>',
            '1 to 255 visible ASCII characters: the same key and spec are the same job (default: a random one)',
        )
        .optionsGroup('The wait:')
        .option('--wait', 'wait until the job has ended, and end with its exit code')
        .option(
            '--timeout <duration>',
            `of the wait: ${DURATION_FORM}; then the exit code is 124, and the job goes on (default: none)`,
            durationOption('--timeout'),
        )
        .option('--yes', 'with --wait: approve the canary without a question')
        .option('--reason <text>', 'with --yes: why, 1 to 500 characters, kept in the timeline')
        .addHelpText(
            'after',
            example(
                'fanfold run rows.csv --post https://api/x/{id} --rate 50/s --canary 20 --wait',
                'jq -c .customers[] export.json | fanfold run - --format ndjson --put https://api/c/{id} --wait -o json',
            ),
        )
        .action(call.does(async (session: Session, file: string | undefined, options: RunOptions) => startAndWait(session, file, options)));
}

async function startAndWait(session: Session, file: string | undefined, options: RunOptions): Promise<ExitCode | void> {
    for (const name of ['timeout', 'yes', 'reason'] as const)
        if (options[name] !== undefined && !options.wait) throw new CliError(`--${name} is for a wait: add --wait.`);
    if (file === STDIN && options.spec === STDIN) throw new CliError('Standard input is either the file or the spec, not both.');

    const { job, again } = await start(session, file, options);
    session.say(
        again
            ? `The job was started before: ${job.id}`
            : `Started job ${job.id}${job.name === 'unnamed' ? '' : ` (${printable(job.name)})`}`,
    );
    if (!options.wait) {
        session.sayHowToGoOn(job.id);
        if (session.printer.form === 'table') return session.shell.stdout.write(`${job.id}\n`);
        return writeOne(session.printer, jobFields, job);
    }
    const { timeout: timeoutMs, yes, reason } = options;
    const watched = await watchJob(session, job.id, { timeoutMs, yes, reason, seen: job });
    await writeOne(session.printer, jobFields, watched.job ?? job);
    return watched.code;
}

interface Started {
    job: Job;
    /** It was there already: the same key was used before. */
    again: boolean;
}

async function start(session: Session, file: string | undefined, options: RunOptions): Promise<Started> {
    const text = options.spec === undefined ? null : await readWhole(session, options.spec, MAX_SPEC_BYTES);
    const from = options.spec === STDIN ? 'the spec on standard input' : `the spec ${options.spec}`;
    const given = text && readSpec(text, from);
    const spec = assembleSpec(given, options);
    if (!isFields(spec.process)) needsProcess(spec);
    if (file !== undefined) return startWithFile(session, file, spec, options);

    if (spec.source === undefined)
        throw new CliError('There is nothing to read: name a FILE, - for standard input, or a --spec that has a source.');
    if (options.format !== undefined) throw new CliError('--format is for a FILE; the source of a spec has a format of its own.');
    const whole = text && !saysAnything(options) ? text.toString('utf8') : writeExact(spec);
    return startWith(session, whole, session.shell.uuid(), options);
}

function needsProcess(spec: Fields): void {
    if (spec.process === undefined)
        throw badSpec(
            'Nothing says what is done with a row.',
            'Name a URL to call, for example with --post URL, or a --processor, or a --spec.',
        );
}

async function startWithFile(session: Session, file: string, spec: Fields, options: RunOptions): Promise<Started> {
    const { format } = options;
    const reading = isFields(spec.source) ? spec.source.format : undefined;
    if (format === undefined && reading === undefined && !/\.(csv|ndjson|jsonl|json)$/i.test(file))
        throw badSpec(
            file === STDIN ? 'Standard input has no name that tells its format.' : `The name of ${file} does not tell its format.`,
            'Add --format csv, ndjson or json.',
        );
    // First the file: where there is none, nobody need be asked. Then the spec: where that is wrong, nothing need be sent.
    let input = file === STDIN ? null : await openInput(session, file);
    try {
        await checkBefore(session.client(), session, spec, format ?? formatByName(file));
        input ??= await openInput(session, file);
        if (input.size === 0) throw badSpec(`${input.label} is empty.`);
        const sent = await sendFile(session, input);
        const body = writeExact(withSource(spec, sent.upload.id, format));
        const started = await startWith(session, body, sent.key, options);
        sent.forget();
        return started;
    } finally {
        await input?.close();
    }
}

/** As the API tells it; for the check, which has no file with a name. */
const formatByName = (file: string): string | undefined =>
    /\.(csv|ndjson|json)l?$/i
        .exec(file)?.[1]!
        .toLowerCase()
        .replace(/^jsonl$/, 'ndjson');

async function startWith(session: Session, text: string, key: string, { idempotencyKey }: RunOptions): Promise<Started> {
    const began = session.shell.clock.now();
    const job = await startOnce(session, text, idempotencyKey ?? key, idempotencyKey !== undefined);
    // A clock of the host's that goes a minute wrong is no sign of an earlier job.
    return { job, again: idempotencyKey !== undefined && Date.parse(job.createdAt) < began - 60_000 };
}
