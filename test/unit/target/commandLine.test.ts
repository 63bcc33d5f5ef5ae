import { readCommandLine, usage } from '../../../samples/target/commandLine';
import { readControl } from '../../../samples/target/options';

const read = (line: string) => readCommandLine(line.split(' ').filter(Boolean));

test('each flag of the usage is read', () => {
    const shown = [...usage.matchAll(/--(latency|limit|outage) (\w+=\S+)/g)].map(([flag]) => flag);
    expect(shown).toHaveLength(5);
    for (const flag of shown) expect(() => read(flag)).not.toThrow();
    expect(read('--help')).toBe('help');
});

test('fields have the names that they have in code', () => {
    const line = '--limit kind=bucket,perSecond=150,burst=30,retryAfter=none --limit kind=window,calls=5,perMs=1000,retryAfter,name=b';
    expect(
        read(`${line} --outage how=503,fromMs=5,toMs=10 --latency kind=queue,threads=8,baseMs=50 --bad-status hang --record`),
    ).toMatchObject({
        port: 7080,
        limits: [
            { kind: 'bucket', perSecond: 150, burst: 30, retryAfter: 'none' },
            { kind: 'window', calls: 5, perMs: 1000, retryAfter: true, name: 'b' },
        ],
        outages: [{ how: '503', fromMs: 5, toMs: 10 }],
        latency: { kind: 'queue', threads: 8, baseMs: 50 },
        badStatus: 'hang',
        record: true,
    });
    expect(read('')).toMatchObject({ port: 7080, latency: 20, limits: [], badStatus: 500, record: false });
});

test.each([
    ['--port x', '--port: "x" is not a number from 0 up'],
    ['--limit kind=bucket,burst=3', '--limit "kind=bucket,burst=3": perSecond: '],
    ['--limit kind=leaky', '--limit "kind=leaky": kind: '],
    ['--limit kind=bucket,perSecond=4,burst=3,retryafter=3', 'Unrecognized key: "retryafter"'],
    ['--limit kind=window,calls=1.5,perMs=10', 'calls: '],
    ['--limit kind=window,calls=1,perMs=10 --limit kind=window,calls=1,perMs=10,name=default', 'two limits have the same name'],
    ['--outage how=vanish,fromMs=1,toMs=2', 'how: must be one of refuse, hang, reset, 503, 500'],
    ['--outage how=503,fromMs=10,toMs=2', 'toMs must be after fromMs'],
    ['--outage how=hang,fromMs=0,toMs=20 --outage how=500,fromMs=10,toMs=25', 'outages must not overlap'],
    ['--latency fast', '--latency "fast": must be a number of ms'],
    ['--bad-status 200', '--bad-status "200": '],
    ['--rate429 2', 'rate429: '],
    ['--frob', "Unknown option '--frob'"],
])('%s is refused by name', (line, message) => expect(() => read(line)).toThrow(message));

test.each([
    [{ away: { how: 'refuse' } }, 'away.forMs: needed with "refuse"'],
    [{ away: { how: 'gone', forMs: 1 } }, 'away.how: must be one of'],
    [{ limits: [{ kind: 'bucket', perSecond: 0, burst: 1 }] }, 'limits[0].perSecond: '],
    [{ latency: {} }, 'latency: must be a number of ms'],
    [{ awy: null }, 'Unrecognized key: "awy"'],
    [7, 'expected object'],
])('control refuses %j by name', (asked, message) => expect(() => readControl(asked)).toThrow(message));
