// A clone has the same bytes on every system: the package's digest, Prettier, and tests that read pages and scripts depend on it.
import { spawnSync } from 'node:child_process';
import path from 'node:path';

test('every text file ends its lines with a line feed, on Windows too, where Git would make two characters of it', () => {
    const { stdout } = spawnSync('git', ['ls-files', '--eol'], { cwd: path.resolve(__dirname, '../..'), encoding: 'utf8' });
    // "i/lf w/lf attr/text=auto eol=lf <tab> path"; a binary file is "i/-text", an empty one "i/none".
    const files = stdout.trim().split('\n');
    expect(files.length).toBeGreaterThan(150);
    expect(files.filter((line) => !/^i\/(?:lf|none|-text) .*\battr\/text=auto eol=lf\b/.test(line))).toEqual([]);
});
