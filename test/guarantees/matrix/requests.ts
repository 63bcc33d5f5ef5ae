// Which request to storage is what: verb, kind of document, and the names of whose it is.

export interface Described {
    /** Ids in it, of jobs and uploads, and digests of keys. */
    names: string[];
    /** `GET plan`, `PUT append outcomes`, `GET list progress`, `table POST batch job`. */
    request: string;
}

/** Of the blob service. What belongs to no job (the container, listings of all jobs) has no names. */
export function describeBlob(method: string, target: string): Described {
    const url = new URL(target, 'http://storage');
    const comp = url.searchParams.get('comp');
    const verb = [method, comp === 'appendblock' ? 'append' : comp].filter(Boolean).join(' ');
    // /account/container/path…
    const [container = '', folder = '', ...rest] = decodeURIComponent(url.pathname).split('/').slice(2);
    const name = rest.join('/');
    const prefix = url.searchParams.get('prefix') ?? '';
    const listed = /^jobs\/([^/]+)\/([a-z]+)/.exec(prefix);
    if (container.endsWith('-largemessages')) return { names: uuidsOf(folder || prefix), request: `${verb} largemessage` };
    if (listed) return { names: [listed[1]!], request: `${verb} ${listed[2]}` };
    if (!folder) return { names: [], request: `${verb} ${prefix.replace(/\/.*$/s, '') || 'container'}` };
    if (folder === 'jobs') return { names: [rest[0]!], request: `${verb} ${(rest[1] ?? '').replace(/\..*$/s, '')}` };
    const id = folder === 'index' ? (/^\d+-(.+)$/s.exec(name)?.[1] ?? name) : name;
    return { names: [id], request: `${verb} ${folder}` };
}

/** Of the table service, for the local host's task hub: what is changed of whom (the job's orchestration, a worker, its ledger). */
export function describeTable(method: string, target: string, body: string): Described {
    const url = new URL(target, 'http://storage');
    const path = decodeURIComponent(url.pathname);
    const key = /PartitionKey='([^']*)'/.exec(path)?.[1] ?? /PartitionKey eq '([^']*)'/.exec(url.searchParams.get('$filter') ?? '')?.[1];
    const partition = key ?? /PartitionKey(?:='|%27=|=%27|":")([^'%"]*)/.exec(body)?.[1] ?? '';
    const names = uuidsOf(partition);
    if (names.length === 0) return { names, request: `table ${method}` };
    const who = partition.includes('ledger') ? 'ledger' : partition.length > 36 ? 'worker' : 'job';
    const row = /RowKey='([^']*)'/.exec(path)?.[1];
    const what = path.endsWith('$batch')
        ? 'batch'
        : row === undefined
          ? 'rows'
          : ({ i: 'instance', h: 'history', m: 'message', o: 'outbox' }[row[0]!] ?? 'row');
    return { names, request: `table ${method} ${what} ${who}` };
}

const uuidsOf = (text: string): string[] => /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(text)?.slice(0, 1) ?? [];
