// What is told of a document that was not used to its end.
import { idleExceptions, unusedOf, type Exception } from '../../support/apiDocument/coverage';
import { documentedUses } from '../../support/apiDocument/uses';
import { smallDocument } from './smallDocument';

const documented = documentedUses(smallDocument);
const excepts = (uses: RegExp): Exception => ({ uses, why: 'it cannot be had', shownBy: 'test/unit/support/coverage.test.ts' });

test('nothing is told where all was used', () => {
    expect(unusedOf(documented, documented, [])).toEqual([]);
});

test.each([...documented])('that nothing has used it is told: %s', (use) => {
    const used = new Set([...documented].filter((other) => other !== use));
    expect(unusedOf(documented, used, [])).toEqual([use]);
});

test('what is excepted is not told, and an exception of nothing is', () => {
    const code = /^makeThing: answer 400, code BAD_JSON$/;
    const used = new Set([...documented].filter((use) => !code.test(use)));
    expect(unusedOf(documented, used, [excepts(code)])).toEqual([]);
    expect(idleExceptions(documented, [excepts(code), excepts(/of no operation/)])).toEqual(['/of no operation/']);
});
