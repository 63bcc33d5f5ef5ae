// The template that infra/ compiles to, as tests read it. That the fixture is of the present Bicep sources is proved by
// scripts/check-bicep.mjs, which needs the Bicep CLI.
import { readFileSync } from 'node:fs';
import path from 'node:path';

export interface Resource {
    type: string;
    name: string;
    existing?: boolean;
    scope?: string;
    copy?: { name: string; mode?: string; batchSize?: number };
    condition?: string;
    properties: Record<string, any>; // eslint-disable-line @typescript-eslint/no-explicit-any
}
export interface Template {
    resources: Record<string, Resource> | Resource[];
    variables?: Record<string, unknown>;
    outputs?: Record<string, { type: string; value: string }>;
    parameters?: Record<
        string,
        { type: string; metadata?: { description?: string; azd?: { type: string } }; allowedValues?: unknown[]; defaultValue?: unknown }
    >;
}

export const root = path.resolve(__dirname, '../..');
export const textOf = (file: string) => readFileSync(path.join(root, file), 'utf8');
export const main = JSON.parse(textOf('test/fixtures/main.arm.json')) as Template;

/** A template and, by the names of their modules, all that are nested in it. */
function* templates(template: Template, name = 'main'): Generator<[string, Template]> {
    yield [name, template];
    for (const [key, resource] of Object.entries(template.resources))
        if (resource.type === 'Microsoft.Resources/deployments') yield* templates(resource.properties.template as Template, key);
}
export const all = new Map(templates(main));
export const resources = [...all.values()].flatMap((t) => Object.values(t.resources)).filter((r) => !r.existing);
export const ofType = (type: string) => {
    const found = resources.filter((r) => r.type === type);
    expect(found).not.toEqual([]);
    return found;
};

/** The app settings that the template sets whatever its parameters, as expressions: the compiler makes one createObject(key, value, …) of them. */
export function settings(): Record<string, string> {
    const config = Object.values(all.get('function')!.resources).find((r) => r.name.includes('appsettings'))!;
    const object = /createObject\((.*)\)\)\]$/.exec(config.properties as unknown as string)![1]!;
    // A value is a literal, or a call whose arguments nest two deep at most.
    const pairs = object.matchAll(/'(\w+)', ((?:[^,()]|\((?:[^()]|\([^()]*\))*\))+)/g);
    return Object.fromEntries([...pairs].map(([, key, value]) => [key!, value!]));
}
