// Compiles, lints and format-checks infra/ with the real Bicep CLI, warnings counted as errors, and proves that the compiled
// template which the tests read (test/fixtures/main.arm.json) is of the present sources.
//   --require  fail when no CLI can be had (CI); without it the check is left out, and says so
//   --update   write the fixture instead of comparing
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

// One version for everybody: another compiler may write another template for the same sources.
const VERSION = '0.49.2';
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const infra = path.join(root, 'infra');
const fixture = path.join(root, 'test/fixtures/main.arm.json');

const run = (command, args, options = {}) => spawnSync(command, args, { encoding: 'utf8', maxBuffer: 64 << 20, ...options });
const runs = (command) => run(command, ['--version']).status === 0;

/** The CLI's path, or `{ missing }`: why there is none. */
function findCli() {
  const given = process.env.BICEP_CLI;
  if (given) return runs(given) ? { cli: given } : { missing: `BICEP_CLI is ${given}, which does not run` };
  const onPath = run('bicep', ['--version']);
  if (onPath.status === 0 && onPath.stdout.includes(VERSION)) return { cli: 'bicep' };
  if (!runs('dotnet')) return { missing: `neither Bicep ${VERSION} nor the .NET SDK, which could fetch it, is on the PATH` };
  return restore();
}

// The CLI is published as a NuGet package for each platform; the global package folder keeps it for the next run.
function restore() {
  const system = { linux: 'linux', darwin: 'osx', win32: 'win' }[process.platform];
  const name = `Azure.Bicep.CommandLine.${system}-${process.arch}`;
  const locals = run('dotnet', ['nuget', 'locals', 'global-packages', '--list', '--force-english-output']);
  const packages = locals.stdout.replace(/^.*global-packages:\s*/s, '').trim();
  const cli = path.join(packages, name.toLowerCase(), VERSION, 'tools', system === 'win' ? 'bicep.exe' : 'bicep');
  if (existsSync(cli)) return { cli };
  const folder = mkdtempSync(path.join(os.tmpdir(), 'fanfold-bicep-'));
  try {
    writeFileSync(
      path.join(folder, 'bicep.csproj'),
      `<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><TargetFramework>net10.0</TargetFramework></PropertyGroup>
  <ItemGroup><PackageDownload Include="${name}" Version="[${VERSION}]" /></ItemGroup>
</Project>
`,
    );
    const restored = run('dotnet', ['restore'], { cwd: folder });
    if (restored.status !== 0) return { missing: `"dotnet restore" of ${name} ${VERSION} failed: ${restored.stdout.trim().slice(-500)}` };
    return existsSync(cli) ? { cli } : { missing: `${name} ${VERSION} was restored, but ${cli} is not there` };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const problems = [];

/** Runs the CLI; its warnings count as errors. */
function bicep(cli, ...args) {
  const { status, stdout, stderr } = run(cli, args, { cwd: root });
  if (status !== 0 || / : (Warning|Error) /.test(stderr + stdout)) problems.push(`bicep ${args.join(' ')}\n${stderr}`);
  return stdout;
}

// On a copy, all files in one run: starting the CLI takes seconds.
function checkFormat(cli) {
  const copy = mkdtempSync(path.join(os.tmpdir(), 'fanfold-bicep-'));
  try {
    cpSync(infra, copy, { recursive: true });
    bicep(cli, 'format', '--pattern', `${copy}/**/*.bicep`);
    for (const file of readdirSync(infra, { recursive: true }).filter((name) => name.endsWith('.bicep'))) {
      if (readFileSync(path.join(copy, file), 'utf8') !== readFileSync(path.join(infra, file), 'utf8'))
        problems.push(`infra/${file} is not formatted: run "bicep format infra/${file}".`);
    }
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

function checkFixture(cli) {
  const compiled = bicep(cli, 'build', path.join(infra, 'main.bicep'), '--stdout');
  if (problems.length > 0) return;
  if (process.argv.includes('--update')) return writeFileSync(fixture, compiled);
  const same = existsSync(fixture) && readFileSync(fixture, 'utf8').trim() === compiled.trim();
  if (!same) problems.push('test/fixtures/main.arm.json is not what infra/ compiles to: run "node scripts/check-bicep.mjs --update".');
}

const { cli, missing } = findCli();
if (!cli) {
  const required = process.argv.includes('--require');
  console.log(`${required ? 'Failed' : 'Left out'}: compiling and linting infra/, because ${missing}.`);
  process.exit(required ? 1 : 0);
}
// Compiling lints too, by infra/bicepconfig.json.
checkFixture(cli);
if (problems.length === 0) checkFormat(cli);
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);
console.log('infra/ compiles without a warning, is formatted, and the tests read what it compiles to.');
