// Jobs in the states that examples are wanted of.
import type { FanfoldClient, Job, JobSpec } from '../src/client';
import type { Recorder } from './recorder';

const cities = [
    { id: 'lagos', lat: 6.45, lon: 3.39 },
    { id: 'lima', lat: -12.05, lon: -77.04 },
    { id: 'oslo', lat: 59.91, lon: 10.75 },
    { id: 'quito', lat: -0.18, lon: -78.47 },
    { id: 'turin', lat: 45.07, lon: 7.69 },
    { id: 'utrecht', lat: 52.09, lon: 5.12 },
];
const CSV = `id,lat,lon\n${cities.map(({ id, lat, lon }) => `${id},${lat},${lon}\n`).join('')}`;

export interface Stage {
    recorder: Recorder;
    client: FanfoldClient;
    /** Of the target. */
    target: string;
}

const idOf = (text: string): string => (JSON.parse(text) as { id: string }).id;
const until = (client: FanfoldClient, id: string, is: (job: Job) => boolean) =>
    client.waitUntil(id, is, { everyMs: 100, timeoutMs: 120_000 });
const process = (target: string): JobSpec['process'] => ({
    http: { url: `${target}/distance/{id}`, body: '{lat: to_number(lat), lon: to_number(lon)}' },
});

/** A job with a canary that is approved, from its upload to its proof. Gives its id. */
export async function approvedJob({ recorder, client, target }: Stage): Promise<string> {
    const upload = await recorder.ask('createUpload', { query: 'name=cities.csv', headers: { 'content-type': 'text/csv' }, body: CSV });
    const source = { upload: idOf(upload.text) };
    await recorder.ask('getUpload', { path: { id: source.upload } });
    const body: JobSpec = {
        name: 'distances',
        source,
        process: process(target),
        key: 'id',
        // Slow enough for a second word on its canary.
        rate: '2/s',
        canary: { items: 2 },
        tags: { team: 'maps' },
    };
    const headers = { 'idempotency-key': 'distances-1' };
    const id = idOf((await recorder.ask('startJob', { headers, body, as: 'upload' })).text);
    await recorder.ask('startJob', { headers, body: { ...body, name: 'others' } });
    const path = { id };
    await until(client, id, ({ state }) => state === 'awaitingApproval');
    await recorder.ask('getJob', { path, as: 'awaitingApproval' });
    for (const as of ['example', 'underWay'])
        await recorder.ask('approveJob', { path, body: { reason: 'the first are as they should be' }, as });
    await until(client, id, ({ ended }) => ended);
    await recorder.ask('getJob', { path, as: 'completed' });
    return id;
}

/** What is told of a job that has ended, and what is refused of it. */
export async function afterTheEnd({ recorder }: Stage, id: string): Promise<void> {
    const path = { id };
    await recorder.ask('getResults', { path, query: 'order=input' });
    await recorder.ask('getResults', { path, query: 'format=csv&order=input' });
    await recorder.ask('getItem', { path: { id, index: '0' }, as: 'succeeded' });
    await recorder.ask('getItem', { path: { id, index: '6' } });
    await recorder.ask('getManifest', { path });
    await recorder.ask('verifyJob', { path });
    await recorder.ask('getTimeline', { path });
    await recorder.ask('getTimeline', { path, query: 'format=ndjson' });
    for (const move of ['pauseJob', 'resumeJob', 'cancelJob', 'approveJob', 'rejectJob']) await recorder.ask(move, { path });
    await recorder.ask('retuneJob', { path, headers: { 'content-type': 'application/merge-patch+json' }, body: { rate: null } });
}

/** A job whose source has a row that is no item. */
export async function jobWithBadRows({ recorder, client }: Stage): Promise<void> {
    const { id: upload } = await client.upload('{"id": 1}\n{"id": \n', { name: 'rows.ndjson' });
    const { id } = await client.startJob({ source: { upload }, process: { processor: 'digest' }, onInvalid: 'skip' });
    await until(client, id, ({ ended }) => ended);
    await recorder.ask('getInvalid', { path: { id } });
}

/** A job that takes its time: everything that can be wanted of one. */
export async function steeredJob({ recorder, client, target }: Stage): Promise<void> {
    const items = Array.from({ length: 60 }, (_, i) => ({ ...cities[i % cities.length]!, id: i }));
    const body: JobSpec = {
        name: 'steered',
        source: { items },
        process: { http: { url: `${target}/distance/{id}` } },
        key: 'id',
        rate: ['2/s', '60/min'],
        limiter: 'cities',
        budget: { failures: 10, percent: 20, codes: { TIMEOUT: 5 } },
        deadline: 'PT12H',
    };
    const few = { ...body, source: { items: items.slice(0, 2) } };
    await recorder.ask('startJob', { body: few, as: 'inline' });
    const { id } = await client.startJob(body);
    const path = { id };
    await until(client, id, ({ state, counts }) => state === 'running' && counts.succeeded > 0);
    await recorder.ask('getJob', { path, as: 'running' });
    await recorder.ask('getItem', { path: { id, index: '59' }, as: 'pending' });
    await recorder.ask('getManifest', { path });
    await recorder.ask('verifyJob', { path });
    await recorder.ask('getLimiter', { path: { name: 'cities' } });
    await recorder.ask('setLimiter', { path: { name: 'cities' }, body: { rate: ['4/s', '10000/day'], inFlight: 64 } });
    await recorder.ask('listLimiters', { query: 'limit=1' });
    for (const type of ['application/merge-patch+json', 'application/json'])
        await recorder.ask('retuneJob', {
            path,
            headers: { 'content-type': type },
            body: { concurrency: { max: 8 }, deadline: null, reason: 'the target has less room' },
        });
    await recorder.ask('retuneJob', { path, body: { concurrency: { max: 0 } } });
    for (const move of ['pauseJob', 'resumeJob', 'cancelJob']) {
        await recorder.ask(move, { path, body: { reason: 'new version of the target' } });
        await recorder.ask(move, { path });
    }
}

/** A job that is still to start: nothing of it can be seen. */
export async function scheduledJob({ recorder, client }: Stage): Promise<void> {
    const startAt = new Date(Date.now() + 86_400_000).toISOString();
    const { id } = await client.startJob({ source: { items: [1] }, process: { processor: 'digest' }, startAt });
    await recorder.ask('getJob', { path: { id }, as: 'scheduled' });
    await recorder.ask('getItem', { path: { id, index: '0' } });
    await client.cancelJob(id);
}

/** A job whose canary is rejected. */
export async function rejectedJob({ recorder, client, target }: Stage): Promise<void> {
    const { id } = await client.startJob({ source: { items: cities }, process: process(target), canary: { items: 1 } });
    await until(client, id, ({ state }) => state === 'awaitingApproval');
    await recorder.ask('rejectJob', { path: { id }, body: { reason: 'the wrong column' } });
    await recorder.ask('rejectJob', { path: { id } });
}

/** An upload in parts. Gives the id of one of which nothing is there yet. */
export async function parts({ recorder }: Stage): Promise<string> {
    const tus = { 'tus-resumable': '1.0.0' };
    const made = await recorder.ask('createUpload', { headers: { ...tus, 'upload-length': '8' } });
    const id = made.headers.get('location')!.split('/').at(-1)!;
    const path = { id };
    const part = { ...tus, 'content-type': 'application/offset+octet-stream' };
    for (const operation of ['appendUpload', 'overrideUpload'])
        await recorder.ask(operation, {
            path,
            headers: { ...part, 'upload-offset': '4', 'x-http-method-override': 'PATCH' },
            body: 'a,b\n',
        });
    await recorder.ask('headUpload', { path, headers: tus });
    return id;
}
