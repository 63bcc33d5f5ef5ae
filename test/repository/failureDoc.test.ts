// docs/failure.md names the test that shows each row: those tests are there.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(__dirname, '../..');
const rows = readFileSync(path.join(root, 'docs/failure.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (what happens|---)/.test(line))
    .map((line) =>
        line
            .split('|')
            .map((cell) => cell.trim())
            .slice(1, -1),
    );

test('every row has what happens, what is seen, what to do, and what shows it', () => {
    expect(rows.length).toBeGreaterThan(15);
    for (const row of rows) {
        expect(row).toHaveLength(4);
        for (const cell of row) expect(cell).not.toBe('');
    }
});

test.each(rows.map((row) => [row[0]!, row[3]!]))('%s', (_what, shown) => {
    // `test/file.test.ts`, further files by their names alone, and behind a colon the beginning or a part of a test's name.
    const named = [...shown.matchAll(/`([\w/.-]+\.test\.ts)`(?:: ([^,;]+))?/g)];
    if (named.length === 0) return expect(shown).toMatch(/^(by hand|not here)/);
    let folder = '';
    for (const [, file, part] of named) {
        if (file!.includes('/')) folder = path.dirname(file!);
        const whole = path.join(root, file!.includes('/') ? file! : path.join(folder, file!));
        expect([file, existsSync(whole)]).toEqual([file, true]);
        if (part) expect(readFileSync(whole, 'utf8')).toContain(part.trim());
    }
});
