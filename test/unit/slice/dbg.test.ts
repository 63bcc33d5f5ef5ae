import { fine, JobBench, refused, status, timeout } from '../../support/jobBench';
const soon = { attempts: 3, initialDelay: 'PT0.01S', maxDelay: 'PT0.05S', factor: 2 };
test.each([['95', (i: number) => i % 20 !== 7, () => status(500)], ['30c', (i: number) => (i * 7) % 10 < 3, () => refused()], ['lastT', (i: number) => i>=900, () => timeout(2000)], ['lastDefault', (i:number)=> i>=850, ()=>status(500)]] as const)('%s', async (name, bad, how) => {
    const bench = new JobBench({ partitions: 10, items: 100, max: 64, spec: { retry: name==='lastDefault'? { attempts: 3, initialDelay: 'PT2S', maxDelay: 'PT1M', factor: 2 }: soon } });
    bench.answer = ({ index }) => (bad(index) ? how() : fine(50));
    bench.start();
    await bench.ended(600_000).catch(() => undefined);
    const lines = bench.lines();
    console.log(name, JSON.stringify(bench.summary()), JSON.stringify(bench.next), JSON.stringify(bench.register?.log.map(e=>({...e, at: e.at-1_790_000_000_000})).slice(-8)), JSON.stringify(bench.registers.openings.slice(0,10)), 'failed', lines.filter(l=>l.outcome==='failed').length, 'ok', lines.filter(l=>l.outcome==='succeeded').length, bench.calls.slice(-5), bench.calls.filter(c=>c.at<bench.registers.openings[0]!).length);
});
