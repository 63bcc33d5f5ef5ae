// Where the Functions host begins: what `npm run build` compiled or, where that is not, the bundle that `npm run package` made. The
// package has a main.js of its own; this one is for a host that is started, or published, from this folder.
const { existsSync } = require('node:fs');
const path = require('node:path');

const compiled = path.join(__dirname, 'dist/src/functions/index.js');
require(existsSync(compiled) ? compiled : './dist/app/main.js');
