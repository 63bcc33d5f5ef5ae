// npm run docs:cli
import { writeFileSync } from 'node:fs';
import { cliPage } from './page';

cliPage().then(
    (page) => writeFileSync('docs/cli.md', page),
    (error: Error) => {
        console.error(error.message);
        process.exit(1);
    },
);
