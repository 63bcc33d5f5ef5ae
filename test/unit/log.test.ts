import { ITEMS, SliceBench } from '../support/sliceBench';
import { noted } from '../support/log';

test('a line says what it is about, in one order, then the event, then what is told of it', () => {
    const { log, lines } = noted();
    log.about({ partition: 7 })
        .about({ lease: 3, worker: 'r1w0' })
        .about({ job: 'j' })
        .info('slice ended', { why: 'time', calls: 512, code: undefined });
    log.info('sweeper looked');
    expect(lines).toEqual(['job=j worker=r1w0 lease=3 partition=7 slice ended: why=time calls=512', 'sweeper looked']);
});

test('what users and targets have written begins no line of its own, and no field', () => {
    const { log, lines } = noted();
    log.info('move accepted', { reason: 'tired\njob=other job ended\u2028\u0085 calls=3', quoted: 'say "no"', empty: '' });
    expect(lines).toEqual(['move accepted: reason="tired\\njob=other job ended\\u2028\\u0085 calls=3" quoted="say \\"no\\"" empty=""']);
});

test('long values are cut', () => {
    const { log, lines } = noted();
    log.warn('x', { message: 'a'.repeat(10_000) });
    expect(lines[0]!.length).toBeLessThan(600);
});

test('an error is told by its text, whatever it is', () => {
    const { log, warnings } = noted();
    log.warn('x', {}, new Error('no such blob'));
    log.warn('x', {}, Object.create(null));
    expect(warnings).toEqual(['x: error="Error: no such blob"', 'x: error="an error without a text"']);
});

test('a slice says when it begins, when it ends and why', async () => {
    const bench = new SliceBench(2);
    await bench.slice();
    const about = new RegExp(`^job="?${bench.jobId}"? worker=r1w0 lease=1 slice (began|ended): `);
    for (const line of bench.lines) expect(line).toMatch(about);
    expect(bench.lines).toEqual([
        expect.stringContaining('slice began: mode=normal resumed=0 from=0 to=2 concurrency=4') as string,
        expect.stringContaining(`slice ended: why=done calls=${2 * ITEMS} recorded=${2 * ITEMS} `) as string,
    ]);
});
