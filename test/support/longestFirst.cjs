// The order in which test files are begun. Jest takes the largest first where it does not know how long they took, as in a fresh clone; here the longest
// are small, for they wait for hosts, and one of them begun last would leave the other workers idle for minutes.
const { default: Sequencer } = require('@jest/test-sequencer');

/** Those that take more than half a minute, the longest first. Which of them comes before which is no matter of seconds. */
const LONGEST = [
    ...['e2e/outages', 'guarantees/poison', 'guarantees/kills', 'guarantees/storage', 'guarantees/faults', 'e2e/uploads', 'e2e/control'],
    ...['e2e/canary', 'guarantees/canaryKills', 'e2e/budget'],
    ...['cli/codes', 'cli/endures'],
    ...['e2e/jobs', 'guarantees/limits', 'devhost/durableFeatures', 'guarantees/controlKills', 'e2e/throttling', 'e2e/adaptive'],
    ...['e2e/limits', 'e2e/controlTimes', 'integration/package', 'e2e/controlLimits', 'e2e/start', 'integration/http', 'e2e/limiters'],
    ...['docs/curl', 'integration/canaries', 'fuzz/fuzz'],
];
/** Of the others, those that start hosts come before those that need a processor to themselves: at the end, short ones fill what is left. */
const FOLDERS = ['guarantees', 'devhost', 'e2e', 'docs', 'integration', 'fuzz', 'cost', 'histories', 'repository', 'unit'];

function rank({ path }) {
    const name = path.replaceAll('\\', '/').split('/test/').at(-1).replace('.test.ts', '');
    const long = LONGEST.indexOf(name);
    return long >= 0 ? long : LONGEST.length + FOLDERS.indexOf(name.split('/')[0]);
}

module.exports = class extends Sequencer {
    sort(tests) {
        return [...super.sort(tests)].sort((a, b) => rank(a) - rank(b));
    }
};
