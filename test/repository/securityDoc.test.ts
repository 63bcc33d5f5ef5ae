// docs/security.md says of every route which level it asks for, and its commands make a key that the app knows.
import { spawnSync } from 'node:child_process';
import { routes } from '../../src/api/routes';
import { readCaller } from '../../src/api/http/access';
import { appRoles, KEY_HEADER, levels } from '../../src/core/access';
import { readSettings } from '../../src/settings';
import { textOf } from '../support/template';

const page = textOf('docs/security.md');

test('every route stands at its level, and no other does', () => {
    const [, table] = /^\| level \| routes \|\n\| --- \| --- \|\n((?:\|.*\n)+)/m.exec(page)!;
    const told = table!.split('\n').flatMap((row) => {
        const [, level, list = ''] = /^\| `?(\w+)`? \| (.*) \|$/.exec(row) ?? [];
        return [...list.matchAll(/`(\w+ [^`]+)`/g)].map((m) => `${level}: ${m[1]}`);
    });
    const there = routes
        .filter(({ route }) => route !== '{*path}')
        .flatMap(({ level, methods, route }) => methods.map((method) => `${level}: ${method} /${route}`));
    expect(told.sort()).toEqual(there.sort());
});

test('every app role stands beside its level', () => {
    const told = [...page.matchAll(/^\| `(Fanfold\.\w+)` \| `(\w+)` \|$/gm)].map((m) => [m[1], m[2]]);
    expect(told).toEqual(appRoles.map((role, i) => [role, levels[i]]));
});

test.each(['openssl rand', 'randomBytes'])('the command with %s makes a key and its entry', (word) => {
    const script = [...page.matchAll(/^```sh\n([^]*?)^```$/gm)].map((m) => m[1]!).find((text) => text.includes(word))!;
    const { stdout, stderr } = spawnSync('bash', ['-euo', 'pipefail', '-c', script], { encoding: 'utf8' });
    const [, key, entry] = /^the key: (\S{43})\nthe entry: (\S+)\n$/.exec(stdout) ?? [];
    expect([stderr, key?.length]).toEqual(['', 43]);
    const { level, by } = readCaller(new Headers({ [KEY_HEADER]: key! }), readSettings({ FANFOLD_KEYS: entry! }));
    expect([level, by]).toEqual(['operate', 'key:ci']);
});

test('the command for app roles makes JSON of them', () => {
    const script = [...page.matchAll(/^```sh\n([^]*?)^```$/gm)].map((m) => m[1]!).find((text) => text.includes('--app-roles'))!;
    const az = `client=c; az() { for last; do :; done; printf %s "$last"; }\n`;
    const { stdout } = spawnSync('bash', ['-euo', 'pipefail', '-c', az + script], { encoding: 'utf8' });
    const roles = JSON.parse(stdout) as { id: string; value: string }[];
    expect(roles.map(({ value }) => value)).toEqual([...appRoles]);
    expect(new Set(roles.map(({ id }) => id)).size).toBe(3);
});
