// A file of requests as editors send them (.http), in the syntax of VS Code's REST Client: `###` between requests, `# @name x` above one of them,
// `@name = value`, and `{{…}}`, which is such a value, `$timestamp`, or a part of what an earlier request was answered.

export interface HttpRequest {
    /** What stands behind `###`. */
    title: string;
    /** By which later requests refer to its answer. */
    name: string | null;
    method: string;
    url: string;
    headers: Record<string, string>;
    body: string | null;
}

export interface HttpFile {
    /** As they are written, with the references in them. */
    variables: Map<string, string>;
    /** In the order of the file. */
    requests: HttpRequest[];
}

/** What a request was answered, as far as later ones can refer to it. */
export interface HttpAnswer {
    headers: Headers;
    /** JSON, or text. */
    body: unknown;
}

const VARIABLE = /^@([\w-]+)\s*=\s*(.*)$/;

export function parseHttpFile(text: string): HttpFile {
    const [head, ...blocks] = text.split(/^###/m);
    const variables = new Map(linesOf(head!).flatMap((line) => [...line.matchAll(new RegExp(VARIABLE, 'g'))].map((m) => [m[1]!, m[2]!])));
    return { variables, requests: blocks.map(requestOf) };
}

const linesOf = (text: string): string[] => text.split(/\r?\n/);

function requestOf(block: string): HttpRequest {
    const [title, ...lines] = linesOf(block);
    const begin = lines.findIndex((line) => line.trim() !== '' && !line.startsWith('#'));
    const [, method, url] = /^([A-Z]+) (\S+)$/.exec(lines[begin] ?? '') ?? [];
    if (!method || !url) throw new Error(`No request is below "### ${title!.trim()}".`);
    const end = lines.indexOf('', begin);
    const headers = lines.slice(begin + 1, end < 0 ? undefined : end).map((line) => {
        const [, name, value] = /^([\w-]+):\s*(.*)$/.exec(line) ?? [];
        if (!name) throw new Error(`"${line}", below "### ${title!.trim()}", is no header.`);
        return [name.toLowerCase(), value!] as const;
    });
    const body = end < 0 ? '' : lines.slice(end).join('\n').trim();
    const named = lines.slice(0, begin).flatMap((line) => /^# @name (\S+)$/.exec(line)?.[1] ?? []);
    return { title: title!.trim(), name: named[0] ?? null, method, url, headers: Object.fromEntries(headers), body: body || null };
}

/** A text with its references filled in. One that leads nowhere is an error: an editor would send it as it stands. */
export function fillIn(text: string, variables: ReadonlyMap<string, string>, answers: ReadonlyMap<string, HttpAnswer>): string {
    return text.replaceAll(/\{\{(.+?)\}\}/g, (reference, name: string) => {
        const variable = variables.get(name);
        if (variable !== undefined) return fillIn(variable, variables, answers);
        if (name === '$timestamp') return String(Math.floor(Date.now() / 1000));
        const [, request, part, path] = /^([\w-]+)\.response\.(headers|body)\.(.+)$/.exec(name) ?? [];
        const answer = answers.get(request ?? '');
        const value = answer && path ? (part === 'headers' ? answer.headers.get(path) : at(answer.body, path)) : null;
        if (typeof value !== 'string' && typeof value !== 'number') throw new Error(`Nothing is known of ${reference}.`);
        return String(value);
    });
}

/** What is at a path such as `$.failures[0].fingerprint`. */
function at(body: unknown, path: string): unknown {
    if (!/^\$(\.\w+|\[\d+\])+$/.test(path)) throw new Error(`"${path}" is no path like $.a[0].b.`);
    return [...path.matchAll(/\w+/g)].reduce<unknown>(
        (value, [step]) => (value as Record<string, unknown> | null | undefined)?.[step],
        body,
    );
}
