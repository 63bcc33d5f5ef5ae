// The look for known weaknesses fails at grave ones, at none that is argued away for a while, and whenever it has not looked at all.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const root = path.resolve(__dirname, '../..');
const folder = mkdtempSync(path.join(os.tmpdir(), 'fanfold-audit-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const today = '2026-12-01';
const advisory = (id: string, name: string, severity: string) => ({
    source: 1,
    name,
    dependency: name,
    title: `${name} can be misled`,
    url: `https://github.com/advisories/${id}`,
    severity,
    range: '<9',
});
const entry = (severity: string, via: unknown[]) => ({ severity, isDirect: false, via, effects: [], range: '<9', nodes: [] });

/** A report as npm writes it: `a` is weak, `b` only because it needs `a`, and `c` a little. */
const [high, critical] = ['GHSA-aaaa-bbbb-cccc', 'GHSA-dddd-eeee-ffff'];
const metadata = { dependencies: { prod: 110 } };
const weak = {
    auditReportVersion: 2,
    vulnerabilities: {
        a: entry('critical', [advisory(high, 'a', 'high'), advisory(critical, 'a', 'critical')]),
        b: entry('critical', ['a']),
        c: entry('moderate', [advisory('GHSA-gggg-hhhh-jjjj', 'c', 'moderate')]),
    },
    metadata,
};
const sound = { auditReportVersion: 2, vulnerabilities: { c: weak.vulnerabilities.c }, metadata };

/** The script's status and what it says. */
function audit(report: unknown, exceptions: unknown = [], day = today): { status: number | null; said: string } {
    const written = [report, exceptions].map((value, i) => {
        const file = path.join(folder, `${i}.json`);
        writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value));
        return file;
    });
    const args = ['scripts/audit.mjs', '--report', written[0]!, '--exceptions', written[1]!, '--today', day];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    return { status, said: stdout + stderr };
}

const reason = 'Only reached by a proxy from the environment, which no deployment of this app has.';
const except = (id: string, more: object = {}) => ({ advisory: id, reason, until: '2027-01-31', ...more });

test('an advisory of severity high or critical fails, one below does not', () => {
    const { status, said } = audit(weak);
    expect(status).toBe(1);
    expect(said).toContain(`high: ${high}, a: a can be misled`);
    expect(said).toContain(`critical: ${critical}, a: a can be misled`);
    expect(said).toContain('2 advisories of severity high or above, 0 of them excepted.');
    expect(audit(sound).status).toBe(0);
});

test('a grave package for which no advisory is named fails by its name', () => {
    const strange = { ...sound, vulnerabilities: { d: entry('high', []) } };
    expect(audit(strange)).toMatchObject({ status: 1, said: expect.stringContaining('high: d, d: no advisory is named') });
});

test('what is argued away for a while passes, with its reason in the log; the rest does not', () => {
    expect(audit(weak, [except(high)]).status).toBe(1);
    const { status, said } = audit(weak, [except(high), except(critical)]);
    expect([status, said]).toEqual([0, expect.stringContaining(`(excepted until 2027-01-31: ${reason})`)]);
});

test.each([
    ['says too little', { reason: 'no matter' }, 'gives no reason'],
    ['has no reason', { reason: undefined }, 'gives no reason'],
    ['has ended', { until: '2026-11-30' }, 'has held until 2026-11-30'],
    ['has no end', { until: undefined }, 'says in no date until when it holds'],
    ['has an end that is no date', { until: '2026-13-40' }, 'says in no date until when it holds'],
    ['never ends', { until: '2099-01-01' }, 'is to hold longer than 90 days'],
    ['says more than is known', { severity: 'low' }, 'has unknown fields: severity'],
])('an exception that %s does not count', (_, change, said) => {
    const exceptions = [except(high), except(critical)];
    expect(audit(weak, exceptions).status).toBe(0);
    const judged = audit(weak, [exceptions[0], { ...exceptions[1], ...change }]);
    expect([judged.status, judged.said]).toEqual([1, expect.stringContaining(said)]);
});

test('an exception holds on its last day, and is told to be taken out when nothing is found any more', () => {
    expect(audit(weak, [except(high), except(critical, { until: today })]).status).toBe(0);
    const { status, said } = audit(sound, [except(high)]);
    expect([status, said]).toEqual([0, expect.stringContaining(`The exception ${high} is about nothing that is found any more`)]);
});

test.each([
    ['the registry does not answer', { message: 'getaddrinfo EAI_AGAIN', error: { summary: '' } }],
    ['npm prints nothing', ''],
    ['the report has another form', { ...sound, auditReportVersion: 3 }],
    ['nothing was looked at', { ...sound, metadata: { dependencies: { prod: 0 } } }],
])('when %s, it fails, and says that it has not looked', (_, report) => {
    expect(audit(report)).toEqual({ status: 2, said: expect.stringContaining('npm audit gave no report') });
});

test('each exception of this repository counts, until it ends', () => {
    const exceptions = JSON.parse(readFileSync(path.join(root, '.github/audit-exceptions.json'), 'utf8')) as { until: string }[];
    // As of the day on which the first one ends: no test may fail because a day has come.
    const { until = today } = [...exceptions].sort((a, b) => (a.until < b.until ? -1 : 1))[0] ?? {};
    expect(audit(sound, exceptions, until)).toEqual({ status: 0, said: expect.not.stringContaining('does not count') });
});
