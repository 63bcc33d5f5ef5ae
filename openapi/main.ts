// Writes openapi.json.
//   --offline  of the code and the examples that are stored
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { documentFile, documentText } from './document';

// Compiled, this file is dist/openapi/main.js.
const root = path.resolve(__dirname, '../..');
writeFileSync(documentFile(root), documentText(root));
