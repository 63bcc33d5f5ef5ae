// The order in which test files are begun. Jest takes the largest first where it does not know how long they took, as in a fresh clone; here the longest
// are small, for they wait for hosts, and one of them begun last would leave the other worker idle for minutes.
const { default: Sequencer } = require('@jest/test-sequencer');

const FOLDERS = ['guarantees', 'devhost', 'e2e', 'integration', 'cost', 'histories', 'repository', 'unit'];
const rank = ({ path }) => FOLDERS.findIndex((folder) => path.replaceAll('\\', '/').includes(`/test/${folder}/`));

module.exports = class extends Sequencer {
    sort(tests) {
        return [...super.sort(tests)].sort((a, b) => rank(a) - rank(b));
    }
};
