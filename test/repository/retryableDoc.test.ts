// docs/job-spec.md shows what is tried again, row by row as core/retryable has it; what tells of it elsewhere names the same statuses.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { itemCodes } from '../../src/core/codes';
import { codeRules, isRetryable, statusRules, type Retry } from '../../src/core/retryable';

const read = (file: string): string => readFileSync(path.resolve(__dirname, '../../docs', file), 'utf8');
const page = read('job-spec.md');
const from = page.indexOf('### What is tried again\n');
const section = page.slice(from, page.indexOf('\n### ', from + 1));

const said: Record<Retry, string> = { yes: 'yes', no: 'no', status: 'by its status', cause: 'by its cause' };
const spanOf = ({ from, to }: { from: number; to?: number }): string => (to === undefined ? String(from) : `${from} to ${to}`);

test('the page has each status with why, in the order in which they hold, and no other', () => {
    const rows = [...section.matchAll(/^\| (\d[\w ]*) \| (\w+) \| (.*) \|$/gm)].map((m) => m.slice(1));
    expect(rows).toEqual(statusRules.map((rule) => [spanOf(rule), rule.retry ? 'yes' : 'no', rule.why]));
});

test('the page has each code of an item with why, in the order of the catalogue, and no other', () => {
    const rows = [...section.matchAll(/^\| `(\w+)` \| ([\w ]+) \| (.*) \|$/gm)].map((m) => m.slice(1));
    expect(rows).toEqual(Object.entries(codeRules).map(([code, { retry, why }]) => [code, said[retry], why]));
    expect(rows.map(([code]) => code)).toEqual(Object.keys(itemCodes));
});

test('every why is a sentence', () => {
    for (const { why } of [...statusRules, ...Object.values(codeRules)]) expect(why).toMatch(/^[A-Z].*\.$/);
});

test('every status of an answer has a rule, and the first that it fits holds', () => {
    for (let status = 200; status <= 999; status++) {
        const rule = statusRules.find(({ from, to = from }) => status >= from && status <= to);
        expect([status, isRetryable('HTTP_STATUS', status)]).toEqual([status, rule?.retry]);
        expect(isRetryable('TIMEOUT', status)).toBe(true);
        expect(isRetryable('UNSUCCESSFUL', status)).toBe(false);
    }
    expect(isRetryable('HTTP_STATUS')).toBe(false);
    expect(isRetryable('NUMBER_INEXACT')).toBe(false);
    expect(isRetryable('NUMBER_INEXACT', 503)).toBe(true);
});

test('whoever lists the statuses that are tried again lists them all', () => {
    const spans = statusRules.filter(({ retry }) => retry).map(spanOf);
    const list = (word: string) => `${spans.slice(0, -1).join(', ')} ${word} ${spans.at(-1)}`;
    expect(itemCodes.HTTP_STATUS.remedy).toContain(`${list('and')} are tried again`);
    expect(read('failure.md')).toContain(`the target answers ${list('or')}, or not at all`);
});
