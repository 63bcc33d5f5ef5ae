import fc from 'fast-check';
import { callerOf, keysIn, levelOfRoles, levels, reaches, type Level, type NamedKey, type RouteLevel } from '../../../src/core/access';

const digest = (c: string): string => c.repeat(64);
const key = (level: Level): NamedKey => ({ name: level, level, sha256: digest('a') });

test('a level reaches itself and what is below it; without one only what is for anybody is reached', () => {
    const table = ([null, ...levels] as const).map((level) =>
        (['anonymous', ...levels] satisfies RouteLevel[]).map((needed) => reaches(level, needed)),
    );
    expect(table).toEqual([
        [true, false, false, false],
        [true, true, false, false],
        [true, true, true, false],
        [true, true, true, true],
    ]);
});

describe('keys', () => {
    test('are entries of name, level and digest; several may have one level, or one name', () => {
        const { keys, unread } = keysIn(`ci:read:${digest('a')}, ops.night-1_x:admin:${digest('B')} ,ci:read:${digest('c')}`)!;
        expect(unread).toEqual([]);
        expect(keys).toEqual([
            { name: 'ci', level: 'read', sha256: digest('a') },
            { name: 'ops.night-1_x', level: 'admin', sha256: digest('b') },
            { name: 'ci', level: 'read', sha256: digest('c') },
        ]);
    });

    test.each([
        ['', 'name:level:sha256'],
        ['ci:read', 'name:level:sha256'],
        [`ci:read:${digest('a')}:x`, 'name:level:sha256'],
        [`:read:${digest('a')}`, 'name'],
        [`c i:read:${digest('a')}`, 'name'],
        [`${'n'.repeat(65)}:read:${digest('a')}`, 'name'],
        [`ci:Read:${digest('a')}`, 'level'],
        [`ci:anonymous:${digest('a')}`, 'level'],
        [`ci:constructor:${digest('a')}`, 'level'],
        ['ci:read:the-key-itself', 'digest'],
        [`ci:read:${digest('a').slice(1)}`, 'digest'],
        [`ci:read:${digest('g')}`, 'digest'],
        ['ci:read:E3B0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'empty key'],
        [`again:admin:${digest('d')}`, 'earlier entry'],
    ])('an entry that cannot be read grants nothing and takes none of the others along: %j', (entry, why) => {
        const { keys, unread } = keysIn(`good:operate:${digest('d')},${entry}`)!;
        expect(keys).toEqual([{ name: 'good', level: 'operate', sha256: digest('d') }]);
        expect(unread).toEqual([expect.stringMatching(new RegExp(`^entry 2 .*${why}`)) as string]);
    });

    test('what is wrong is told without the entry, which may be a key', () => {
        fc.assert(
            fc.property(fc.stringMatching(/^[\w:]{8,40}$/), (entry) => {
                const { unread } = keysIn(`${entry}:0123`)!;
                expect(unread.join()).not.toContain(entry);
            }),
        );
    });

    test('no text at all asks for none; a text of which nothing can be read asks for keys that nobody has', () => {
        expect([keysIn(''), keysIn(' \n')]).toEqual([null, null]);
        for (const text of [',', 'x', 'ci:read', '*:admin:*']) expect(keysIn(text)!.keys).toEqual([]);
    });
});

test('the highest role of this app counts, and no other word does', () => {
    expect(levelOfRoles(['Fanfold.Read', 'Fanfold.Admin', 'Fanfold.Operate'])).toBe('admin');
    expect(levelOfRoles(['Other', 'Fanfold.Operate'])).toBe('operate');
    expect(levelOfRoles(['Fanfold.Read'])).toBe('read');
    for (const roles of [[], ['fanfold.admin'], ['Fanfold.Admin '], ['admin'], ['Fanfold']]) expect(levelOfRoles(roles)).toBeNull();
});

describe('a caller', () => {
    const signedIn = (...roles: string[]) => ({ name: 'ann@example.com', roles });

    test('is let through to everything where nothing is asked for, and to nothing without key or role where something is', () => {
        expect(callerOf(null, null, false)).toEqual({ level: 'admin', by: 'api' });
        expect(callerOf(null, signedIn(), false)).toEqual({ level: 'admin', by: 'ann@example.com' });
        expect(callerOf(null, null, true)).toEqual({ level: null, by: 'api' });
        expect(callerOf(null, signedIn('Other'), true)).toEqual({ level: null, by: 'ann@example.com' });
    });

    test('who has a role has its level, also where nothing is asked for', () => {
        for (const isChecked of [true, false])
            expect(callerOf(null, signedIn('Fanfold.Read'), isChecked)).toEqual({ level: 'read', by: 'ann@example.com' });
    });

    test('with key and role has the higher of both, and the name of it; at one level it is the person', () => {
        expect(callerOf(key('admin'), signedIn('Fanfold.Read'), true)).toEqual({ level: 'admin', by: 'key:admin' });
        expect(callerOf(key('read'), signedIn('Fanfold.Operate'), true)).toEqual({ level: 'operate', by: 'ann@example.com' });
        expect(callerOf(key('operate'), signedIn('Fanfold.Operate'), true)).toEqual({ level: 'operate', by: 'ann@example.com' });
        expect(callerOf(key('read'), signedIn(), true)).toEqual({ level: 'read', by: 'key:read' });
        expect(callerOf(key('read'), null, true)).toEqual({ level: 'read', by: 'key:read' });
    });

    test('never has more than its key or its role gives, where either is asked for', () => {
        const role = { read: 'Fanfold.Read', operate: 'Fanfold.Operate', admin: 'Fanfold.Admin' };
        const maybe = fc.option(fc.constantFrom(...levels));
        fc.assert(
            fc.property(maybe, maybe, (byKey, byRole) => {
                const { level } = callerOf(byKey && key(byKey), byRole && signedIn(role[byRole]), true);
                const higher = byKey && byRole ? (reaches(byKey, byRole) ? byKey : byRole) : (byKey ?? byRole);
                expect(level).toBe(higher);
            }),
        );
    });
});
