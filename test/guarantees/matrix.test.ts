// Run alone (package.json): its jobs must end within times of their own, on a machine that has nothing else to do.
// A sample of the fault matrix, drawn by a seed: another with FANFOLD_MATRIX_SEED. All of it: npm run soak -- --matrix. docs/fault-matrix.md.
import { isForGood } from './matrix/faults';
import { cellsOf, learn, nameOf, playAll, staged, type Part } from './matrix/matrix';
import type { Result } from './matrix/play';
import { MatrixStage } from './matrix/stage';
import { VARIANTS } from './matrix/variants';
import { dice } from '../support/dice';
import { guaranteesApp } from './support';

const SEED = Number(process.env.FANFOLD_MATRIX_SEED ?? 20_261_126);
const PASSING = 40;
const FOR_GOOD = 1;
/** Refusals for good that end a job within a minute or so, most of which is the minute that a refusal must last; others take up to five. */
const SOON_OVER = /^(HEAD source|PUT plan|PUT blocklist items)$/;
/** On a machine that is busy, what has not begun by then is left to the next time, in ms. */
const BEGUN_BY_MS = 55_000;
/** So many are played even so. */
const AT_LEAST = 15;

test(`one request of a job fails, in one way: the job is whole or says why, the others and the host go on (seed ${SEED})`, async () => {
    const until = Date.now() + BEGUN_BY_MS;
    const stage = await MatrixStage.start(guaranteesApp);
    try {
        const all = cellsOf(await learn(stage, VARIANTS, 1));
        // More than a hundred requests and eighteen faults: were fewer learned, the instrument would be broken.
        expect(all.length).toBeGreaterThan(1_800);
        const roll = dice(SEED);
        const draw = (from: Part[], n: number) => Array.from({ length: n }, () => from[Math.floor(roll() * from.length)]!);
        const forGood = (part: Part) => isForGood(part.cell!.fault);
        const parts = staged([
            ...draw(
                all.filter((part) => !forGood(part)),
                PASSING,
            ),
            ...draw(
                all.filter((part) => forGood(part) && SOON_OVER.test(part.cell!.request) && part.variant.name === 'plain'),
                FOR_GOOD,
            ),
        ]);
        const results: Result[] = [];
        await playAll(stage, parts, parts.length, (result) => results.push(result), until);
        expect(results.filter((r) => r.wrong.length > 0).map((r) => `${nameOf(r)}: ${r.wrong.join('; ')}`)).toEqual([]);
        expect(results.length).toBeGreaterThanOrEqual(AT_LEAST);
        expect(stage.hostWrongs()).toEqual([]);
    } finally {
        await stage.stop();
    }
}, 600_000);
