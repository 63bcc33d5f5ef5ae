// Asks npm for known weaknesses of what is deployed, and fails at those of severity high and above, unless .github/audit-exceptions.json argues why
// one does not matter here, for a while: [{ "advisory": "GHSA-…", "reason": "…", "until": "2027-01-31" }]. No answer is a failure too.
//   --report FILE      read what `npm audit --json` has printed there instead of asking
//   --exceptions FILE  read the exceptions there
//   --today DATE       judge as of this day
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const option = (name) => {
  const at = process.argv.indexOf(name);
  return at > 0 ? process.argv[at + 1] : undefined;
};
const grave = ['high', 'critical'];
// Long enough to wait for a version that mends it; an exception without an end would be forgotten.
const LONGEST_DAYS = 90;
const ARGUED_CHARACTERS = 40;

/** What npm says, by the second version of its report; throws when it is anything else, such as that the registry did not answer. */
function report() {
  const file = option('--report');
  // npm ends with 1 where it has found something; what it printed tells that from a failure.
  const asked = file
    ? undefined
    : spawnSync('npm audit --omit=dev --json', { cwd: root, encoding: 'utf8', maxBuffer: 64 << 20, shell: true });
  const text = file ? readFileSync(file, 'utf8') : asked.stdout;
  let said;
  try {
    said = JSON.parse(text);
  } catch {
    throw new Error(`npm audit gave no report: ${(asked?.stderr ?? text).trim().slice(-500)}`);
  }
  if (said.auditReportVersion !== 2 || typeof said.vulnerabilities !== 'object' || !(said.metadata?.dependencies?.prod > 0))
    throw new Error(`npm audit gave no report: ${said.message ?? said.error?.summary ?? 'it has another form, or looked at nothing'}`);
  return said;
}

/** Every grave advisory once, by its id, with the packages that it is about. */
function advisoriesIn({ vulnerabilities }) {
  const found = new Map();
  for (const { severity, via } of Object.values(vulnerabilities))
    for (const cause of via) {
      // A string names another package of the report, which has the advisory itself.
      if (typeof cause === 'string' || !grave.includes(cause.severity ?? severity)) continue;
      const id = /GHSA(?:-\w{4}){3}/.exec(cause.url ?? '')?.[0] ?? String(cause.source);
      const { packages } = found.get(id) ?? { packages: new Set() };
      found.set(id, { severity: cause.severity ?? severity, title: cause.title, packages: packages.add(cause.name) });
    }
  // What is grave and says neither why nor through whom must not pass because this script has looked in the wrong place.
  for (const [name, { severity, via }] of Object.entries(vulnerabilities))
    if (grave.includes(severity) && !via.some((cause) => typeof cause === 'string' || grave.includes(cause.severity ?? severity)))
      found.set(name, { severity, title: 'no advisory is named', packages: new Set([name]) });
  return found;
}

/** What is wrong with an exception, if anything. */
function flaw({ advisory, reason, until, ...others }, today) {
  if (Object.keys(others).length > 0) return `has unknown fields: ${Object.keys(others).join(', ')}`;
  if (typeof advisory !== 'string') return 'names no advisory';
  if (typeof reason !== 'string' || reason.trim().length < ARGUED_CHARACTERS)
    return `gives no reason of ${ARGUED_CHARACTERS} characters or more`;
  const end = /^\d{4}-\d\d-\d\d$/.test(until) ? Date.parse(until) : NaN;
  if (Number.isNaN(end)) return 'says in no date until when it holds';
  if (end < today) return `has held until ${until}`;
  if (end > today + LONGEST_DAYS * 86_400_000) return `is to hold longer than ${LONGEST_DAYS} days`;
  return undefined;
}

function main() {
  const today = Date.parse(option('--today') ?? new Date().toISOString().slice(0, 10));
  const exceptions = JSON.parse(readFileSync(option('--exceptions') ?? path.join(root, '.github/audit-exceptions.json'), 'utf8'));
  const found = advisoriesIn(report());

  const good = new Map(exceptions.filter((e) => flaw(e, today) === undefined).map((e) => [e.advisory, e]));
  const left = [...found].filter(([id]) => !good.has(id));
  for (const [id, { severity, title, packages }] of found)
    console.log(
      `${severity}: ${id}, ${[...packages].join(', ')}: ${title}${good.has(id) ? ` (excepted until ${good.get(id).until}: ${good.get(id).reason})` : ''}`,
    );
  for (const exception of exceptions) {
    const wrong = flaw(exception, today);
    if (wrong) console.log(`The exception ${exception.advisory} ${wrong}: it does not count.`);
    else if (!found.has(exception.advisory))
      console.log(`The exception ${exception.advisory} is about nothing that is found any more: take it out.`);
  }
  console.log(`${found.size} advisories of severity high or above, ${found.size - left.length} of them excepted.`);
  return left.length === 0 ? 0 : 1;
}

try {
  process.exitCode = main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 2;
}
