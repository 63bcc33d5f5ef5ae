// Imports of src/ and devhost/: arrows point down, never up, and never in a circle.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

const root = path.resolve(__dirname, '../..');

/** Which rooms of src/ each room may import from, itself aside. `settings` is the file src/settings.ts. */
const mayImport: Record<string, string[]> = {
    json: [],
    core: [],
    settings: ['core'],
    crashPoints: [],
    log: [],
    turns: [],
    expressions: ['json'],
    items: ['core', 'json', 'expressions'],
    contracts: ['core', 'items', 'json'],
    egress: ['core', 'settings'],
    sources: ['contracts', 'core', 'turns'],
    processors: ['contracts', 'core', 'egress', 'expressions', 'json', 'turns'],
    storage: ['log', 'contracts', 'core', 'items', 'settings'],
    application: ['log', 'turns', 'contracts', 'core', 'expressions', 'items', 'json', 'processors', 'settings', 'sources', 'storage'],
    entities: ['contracts', 'core'],
    orchestrators: ['log', 'contracts', 'core'],
    activities: [
        'log',
        'turns',
        'contracts',
        'core',
        'crashPoints',
        'expressions',
        'items',
        'json',
        'processors',
        'settings',
        'sources',
        'storage',
    ],
    // api/ reads the length of a gathered body with egress/gathered, which opens no connection.
    api: [
        'log',
        'turns',
        'application',
        'contracts',
        'core',
        'egress',
        'expressions',
        'items',
        'json',
        'processors',
        'settings',
        'sources',
        'storage',
    ],
    // The other side of the API: no part of the app, which imports nothing of it. It knows the types of what it sends and gets, and no more.
    client: ['api', 'application', 'contracts', 'core', 'items'],
    // The command line: the client, the readers of exact JSON, and nothing else of the app but types through the client.
    cli: ['client', 'json'],
    functions: [
        'log',
        'activities',
        'api',
        'application',
        'contracts',
        'core',
        'egress',
        'entities',
        'orchestrators',
        'settings',
        'storage',
    ],
};

/** Packages that only some rooms, or some files, may import. */
const packages: { name: RegExp; only: string[] }[] = [
    { name: /^(@azure\/functions|durable-functions)$/, only: ['functions/', 'api/', 'orchestrators/', 'entities/'] },
    { name: /^(undici|(node:)?(https?|http2|net|tls|dgram))$/, only: ['egress/'] },
    { name: /^@azure\/storage-blob$/, only: ['storage/'] },
    // Processors check the options that their authors declare with zod.
    { name: /^zod$/, only: ['contracts/', 'processors/', 'api/openapi/'] },
    { name: /^zod-openapi$/, only: ['api/openapi/'] },
    { name: /^commander$/, only: ['cli/'] },
];

interface Import {
    from: string;
    /** A file of the project, or the name of a package. */
    to: string;
    relative: boolean;
}

function importsOf(from: string, text: string): Import[] {
    return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => {
        const relative = fileName.startsWith('.');
        return { from, to: relative ? path.posix.join(path.posix.dirname(from), fileName) : fileName, relative };
    });
}

/** Every import of a folder; relative ones end at the file that they mean. */
function importsIn(folder: string): Import[] {
    const files = readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts'))
        .map((file) => path.posix.join(folder, file));
    const known = new Set(files);
    return files
        .flatMap((file) => importsOf(file, readFileSync(path.join(root, file), 'utf8')))
        .map((i) => ({ ...i, to: [`${i.to}.ts`, `${i.to}/index.ts`].find((file) => known.has(file)) ?? i.to }));
}

const roomOf = (file: string): string => file.split('/')[1]!.replace(/\.ts$/, '');

const upward = (imports: Import[]): string[] =>
    imports
        .filter((i) => i.relative && roomOf(i.from) !== roomOf(i.to) && !mayImport[roomOf(i.from)]?.includes(roomOf(i.to)))
        .map((i) => `${i.from} → ${i.to}`);

const misplaced = (imports: Import[]): string[] =>
    imports
        .filter((i) => packages.some(({ name, only }) => name.test(i.to) && !only.some((place) => i.from.startsWith(`src/${place}`))))
        .map((i) => `${i.from} → ${i.to}`);

/** From where, outside its room, a file imports more than types. */
const valuesFromOutside = (text: string): string[] =>
    [...text.matchAll(/^(?:import|export)(?! type\b)[^;]*?from '(\.\.[^']+)'/gm)].map((m) => m[1]!);

/** Whether a file of src/ reaches for the container itself: that is storage's, and functions/ may wire it. */
const knowsContainer = (file: string, text: string): boolean =>
    !/^src\/(storage|functions)\//.test(file) && /\bContainerClient\b|\.container\b/.test(text);

/** The first circle that is found, as the files on it, or null. */
function circle(imports: Import[]): string[] | null {
    const arrows = new Map<string, Import[]>();
    for (const i of imports) if (i.relative) arrows.set(i.from, [...(arrows.get(i.from) ?? []), i]);
    const done = new Set<string>();
    const visit = (file: string, above: string[]): string[] | null => {
        if (above.includes(file)) return [...above.slice(above.indexOf(file)), file];
        if (done.has(file)) return null;
        for (const { to } of arrows.get(file) ?? []) {
            const found = visit(to, [...above, file]);
            if (found) return found;
        }
        done.add(file);
        return null;
    };
    for (const file of arrows.keys()) {
        const found = visit(file, []);
        if (found) return found;
    }
    return null;
}

const src = importsIn('src');
const devhost = importsIn('devhost');

test('each room imports only from the rooms below it', () => {
    expect([...new Set(src.map((i) => roomOf(i.from)))].filter((room) => !mayImport[room])).toEqual([]);
    expect(upward(src)).toEqual([]);
});

test('engine, network, storage and schema packages stay in their rooms', () => {
    expect(misplaced(src)).toEqual([]);
});

test('client/ imports only types from other rooms, and nothing that a browser lacks but in file.ts', () => {
    const ofClient = src.filter((i) => i.from.startsWith('src/client/'));
    expect(ofClient.filter((i) => !i.relative && i.from !== 'src/client/file.ts')).toEqual([]);
    const files = [...new Set(ofClient.map((i) => i.from))];
    expect(files.flatMap((file) => valuesFromOutside(readFileSync(path.join(root, file), 'utf8')))).toEqual([]);
    expect(valuesFromOutside(`import type { A } from '../a';\nimport { b } from './b';\nimport {\n    c,\n} from '../c';`)).toEqual([
        '../c',
    ]);
});

test('in the app, only egress/ calls fetch', () => {
    const files = [...new Set(src.map((i) => i.from))].filter((file) => !/^src\/(egress|client)\//.test(file));
    expect(files.filter((file) => /(?<![\w.])fetch\(/.test(readFileSync(path.join(root, file), 'utf8')))).toEqual([]);
});

test('only storage/ knows containers: everybody else names things', () => {
    const files = [...new Set(src.map((i) => i.from))];
    expect(files.filter((file) => knowsContainer(file, readFileSync(path.join(root, file), 'utf8')))).toEqual([]);
});

test.each([
    ['src', src],
    ['devhost', devhost],
])('no imports of %s/ go in a circle, types included', (_folder, imports) => {
    expect(circle(imports)).toBeNull();
});

test('devhost/ and src/ do not import each other', () => {
    expect(devhost.filter((i) => i.to.startsWith('src/'))).toEqual([]);
    expect(src.filter((i) => i.to.startsWith('devhost/'))).toEqual([]);
});

describe('a breach is found', () => {
    test('upwards', () => {
        const found = importsOf('src/core/plan.ts', `import type { Job } from '../api/jobs/getJob';`);
        expect(upward(found)).toEqual(['src/core/plan.ts → src/api/jobs/getJob']);
    });

    test('of a package out of its room', () => {
        const found = importsOf('src/storage/a.ts', `import { request } from 'undici';\nexport { app } from '@azure/functions';`);
        expect(misplaced(found)).toEqual(['src/storage/a.ts → undici', 'src/storage/a.ts → @azure/functions']);
    });

    test('of a container out of storage/', () => {
        const reaches = ['await store.container.getBlobClient(name)', 'import type { ContainerClient } from'];
        for (const text of reaches)
            expect([knowsContainer('src/api/a.ts', text), knowsContainer('src/storage/a.ts', text)]).toEqual([true, false]);
    });

    test('in a circle', () => {
        const arrow = (from: string, to: string): Import => ({ from, to, relative: true });
        expect(circle([arrow('a', 'b'), arrow('b', 'c'), arrow('c', 'b')])).toEqual(['b', 'c', 'b']);
    });
});
