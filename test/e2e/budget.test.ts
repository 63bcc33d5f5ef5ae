// A budget of failures: what it lets happen, what it stops, and what is told of it.
import { called, pointersOf, seen, specOf } from './controlSupport';
import { body, ended, expectConserved, move, observe, patch, post, start, story, timeline, useHost, type Job } from './support';

useHost();

/** A job of so many items at a target that refuses those for which `fails` says so, at that time. */
async function withBudget(
    budget: object,
    items: number,
    { fails, max = 64, more = {} }: { fails: (key: number) => boolean; max?: number; more?: object },
) {
    const target = await observe({ status: (key) => (fails(Number(key)) ? 422 : 200) });
    const limits = { concurrency: { max, adaptive: false }, retry: { attempts: 1 } };
    const { id } = await start(specOf(target, items, { budget, ...limits, ...more }));
    return { target, id };
}

const stopped = (id: string): Promise<Job> =>
    seen(
        id,
        'paused by its budget, with nothing at work',
        (s) => s.state === 'paused' && s.workers.active === 0 && s.waiting?.code === 'BUDGET',
    );

test('a job pauses when so many items have failed, whatever the number of its workers; no more fail than were in flight then', async () => {
    const max = 128;
    const { target, id } = await withBudget({ failures: 10 }, 4_000, { fails: () => true, max, more: { partition: { items: 50 } } });
    const standing = await stopped(id);
    expect(standing.counts.failed).toBeGreaterThanOrEqual(10);
    expect(standing.counts.failed).toBeLessThanOrEqual(10 + max);
    expect(target.calls).toHaveLength(standing.counts.failed);
    expect(standing).toMatchObject({
        allowed: ['resume', 'cancel'],
        waiting: { code: 'BUDGET', limit: '/budget/failures', until: null, for: expect.stringContaining('budget.failures is 10') },
    });
    expect(standing.waiting!.groups).toEqual([expect.objectContaining({ code: 'HTTP_STATUS', count: standing.counts.failed })]);
    const events = await timeline(id);
    expect(events.find(({ kind }) => kind === 'budget')).toMatchObject({ limit: '/budget/failures', groups: [{ code: 'HTTP_STATUS' }] });
    expect(events.find(({ kind }) => kind === 'move')).toMatchObject({ move: 'pause', by: 'budget' });
    expect(await story(id)).toEqual(['planning', 'running', 'budget', 'pause', 'paused']);
    await move(id, 'cancel');
    await expectConserved(await ended(id));
});

test('failures before a resume do not count any more, and those after it do', async () => {
    let isMended = false;
    const { id } = await withBudget({ failures: 5 }, 2_000, { fails: (key) => !isMended || key % 500 === 499, max: 8 });
    const first = await stopped(id);
    expect(first.counts.failed).toBeLessThanOrEqual(5 + 8);
    isMended = true;
    expect((await move(id, 'resume', { reason: 'mended' })).status).toBe(202);
    const end = await ended(id);
    // Four more of them fail, which is less than five.
    expect(end).toMatchObject({ state: 'completed', outcome: 'partial', counts: { failed: first.counts.failed + 4 } });
    expect(await story(id)).toEqual(['planning', 'running', 'budget', 'pause', 'paused', 'resume', 'running', 'folding', 'completed']);
});

test('a share counts once enough items have their outcome, and is of all of them', async () => {
    // The first ten fail, which is nothing yet; by the fiftieth that is a fifth, and by the hundredth a tenth.
    const early = await withBudget({ percent: 15, minimum: 50 }, 1_000, { fails: (key) => key < 10, max: 4 });
    const late = await withBudget({ percent: 15, minimum: 100 }, 1_000, { fails: (key) => key < 10, max: 4 });
    const standing = await stopped(early.id);
    expect(standing.counts.succeeded + standing.counts.failed).toBeGreaterThanOrEqual(50);
    expect(standing.counts.succeeded + standing.counts.failed).toBeLessThanOrEqual(50 + 4);
    expect(standing.waiting).toMatchObject({ limit: '/budget/percent', for: expect.stringContaining('percent') });
    expect(await ended(late.id)).toMatchObject({ state: 'completed', counts: { succeeded: 990, failed: 10 } });
});

test('a share that is not reached stops nothing, with many workers and one failure in ten', async () => {
    const { id } = await withBudget({ percent: 15, minimum: 50 }, 6_000, {
        fails: (key) => key % 10 === 0,
        max: 128,
        more: { partition: { items: 200 } },
    });
    expect(await ended(id)).toMatchObject({ state: 'completed', counts: { succeeded: 5_400, failed: 600 } });
    expect(await story(id)).not.toContain('budget');
});

test('failures of one code have a limit of their own, and a job may end by it', async () => {
    const { target, id } = await withBudget({ failures: 1_000, codes: { HTTP_STATUS: 20 }, then: 'cancel' }, 3_000, {
        fails: (key) => key % 4 === 0,
        max: 16,
    });
    const end = await ended(id);
    expect(end).toMatchObject({ state: 'cancelled', ending: 'cancelled', endedBy: 'budget' });
    expect(end.counts.failed).toBeGreaterThanOrEqual(20);
    expect(end.counts.failed).toBeLessThanOrEqual(20 + 16);
    expect(target.calls).toHaveLength(end.counts.failed + end.counts.succeeded);
    expect((await timeline(id)).find(({ kind }) => kind === 'budget')).toMatchObject({ limit: '/budget/codes/HTTP_STATUS' });
    await expectConserved(end);
});

test('attempts that are made again are no failures', async () => {
    const target = await observe({ status: (key) => (target.calls.filter((call) => call.key === key).length === 1 ? 500 : 200) });
    const retry = { attempts: 3, initialDelay: 'PT0.1S', maxDelay: 'PT0.2S' };
    const { id } = await start(specOf(target, 60, { budget: { failures: 1 }, retry, concurrency: { max: 4 } }));
    expect(await ended(id)).toMatchObject({ state: 'completed', outcome: 'succeeded', counts: { succeeded: 60, failed: 0 } });
});

test('a budget is changed while the job runs and while it stands: lower bites at once, higher lets it go on, none stops nothing', async () => {
    const { target, id } = await withBudget({ failures: 100_000 }, 1_000, { fails: (key) => key % 2 === 0, max: 4 });
    await called(target, 100);
    expect((await patch(id, { budget: { failures: 1 } })).status).toBe(200);
    const lowered = await stopped(id);
    expect(lowered.counts.failed).toBeGreaterThanOrEqual(1);
    expect(lowered.limits.budget).toMatchObject({ failures: 1, minimum: 50, then: 'pause' });
    // What has failed counts, until somebody resumes: more than that may fail now.
    expect((await patch(id, { budget: { failures: lowered.counts.failed + 30 }, reason: 'we know' })).status).toBe(200);
    await move(id, 'resume');
    await called(target, target.calls.length + 20);
    expect((await patch(id, { budget: null })).status).toBe(200);
    const end = await ended(id);
    expect(end).toMatchObject({ state: 'completed', counts: { succeeded: 500, failed: 500 } });
    expect(end.limits).not.toHaveProperty('budget');
});

test('a budget holds in a canary too, which goes on when the job is resumed', async () => {
    let isMended = false;
    const { id } = await withBudget({ failures: 3 }, 100, { fails: () => !isMended, max: 2, more: { canary: { items: 30 } } });
    expect((await stopped(id)).counts.failed).toBeLessThanOrEqual(3 + 2);
    isMended = true;
    expect((await move(id, 'resume')).said).toMatchObject({ state: 'canary' });
    await seen(id, 'waiting for approval', (s) => s.state === 'awaitingApproval');
    await move(id, 'approve');
    expect(await ended(id)).toMatchObject({ state: 'completed' });
});

test('a budget that cannot be one is refused where it is wrong, when it is posted and when it is changed', async () => {
    const target = await observe();
    const budget = { failures: 0, percent: 101, minimum: 0, codes: { NOT_A_CODE: 1 }, then: 'stop', max: 1 };
    const wrong = await post('/jobs', specOf(target, 5, { budget }));
    expect(wrong.status).toBe(400);
    const pointers = pointersOf(await body(wrong));
    for (const field of ['failures', 'percent', 'minimum', 'then', 'max']) expect(pointers).toContain(`/budget/${field}`);
    expect(pointers.some((pointer) => pointer.startsWith('/budget/codes'))).toBe(true);
    expect(pointersOf(await body(post('/jobs', specOf(target, 5, { budget: { minimum: 10 } }))))).toEqual(['/budget']);
    const { id } = await start(specOf(target, 200, { concurrency: { max: 1 } }));
    expect((await patch(id, { budget: { percent: 0 } })).said).toMatchObject({
        code: 'BAD_SPEC',
        errors: [{ pointer: '/budget/percent' }],
    });
    await move(id, 'cancel');
    await ended(id);
});
