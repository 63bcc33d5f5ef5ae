// How commands are found on a page, and what counts as the answer that it shows: a mistake on a page is found.
import { blocksOf, curlLines, isExpected, missing } from '../../support/pageCommands';

const fence = (language: string, text: string): string => `\`\`\`${language}\n${text}\n\`\`\`\n`;

test('commands and their answers, continued lines and loops', () => {
    const page = `# A\n${fence('json', '{"a":1}')}${fence('console', '$ curl -s x \\\n    -d y\n{"ok":true}\n\n$ curl z')}## B\n${fence('sh', 'for i in 1 2; do\n  curl $i\ndone\n\ncurl "a\nb" | tee c')}`;
    expect(blocksOf(page)).toEqual([
        {
            heading: 'A',
            text: '$ curl -s x \\\n    -d y\n{"ok":true}\n\n$ curl z\n',
            commands: [
                { text: 'curl -s x \\\n    -d y', shown: ['{"ok":true}'] },
                { text: 'curl z', shown: [] },
            ],
            document: '{"a":1}\n',
        },
        {
            heading: 'B',
            text: 'for i in 1 2; do\n  curl $i\ndone\n\ncurl "a\nb" | tee c\n',
            commands: [
                { text: 'for i in 1 2; do\n  curl $i\ndone', shown: [] },
                { text: 'curl "a\nb" | tee c', shown: [] },
            ],
            document: null,
        },
    ]);
});

test('what calls a function that calls curl is a block too; what only has its name in it is none', () => {
    const page = `${fence('sh', 'api() { curl -s "$@"; }')}${fence('sh', 'api x')}${fence('sh', 'func api x')}`;
    expect(blocksOf(page).map(({ text }) => text)).toEqual(['api() { curl -s "$@"; }\n', 'api x\n']);
    expect(() => blocksOf(fence('sh', 'while curl x; do'))).toThrow('has no end');
});

test('lines for curl are seen wherever they stand', () => {
    const page = `Send it with \`curl -s x\`, not \`curl\`: curl and \`jq\`.\n\n    curl indented\n${fence('text', 'curl in text')}${fence('', 'a | curl b')}`;
    expect(curlLines(page)).toEqual(['curl in text', 'a | curl b', 'curl -s x', 'curl indented']);
    expect(blocksOf(page)).toEqual([]);
});

test('an answer has the fields that are shown, values of their kinds, and the same words for states', () => {
    const shown = '{"id":"00000000-0000-4000-8000-000000000000","state":"running","counts":{"total":3},"eta":null}';
    expect(missing([shown], ['{"id":"x","state":"running","eta":null,"counts":{"total":9}}'])).toEqual([]);
    for (const said of [
        '{"id":"x","state":"paused","counts":{"total":9},"eta":null}',
        '{"id":"x","state":"running","counts":{"all":9},"eta":null}',
        '{"id":"x","state":"running","counts":{"total":"9"},"eta":null}',
        '{"id":"x","state":"running","counts":{"total":9},"eta":"soon"}',
        '{"id":"x","state":"running","counts":{"total":9},"eta":null,"more":1}',
        'no JSON',
    ])
        expect(missing([shown], [said])).toHaveLength(1);
    expect(missing(['{"a":1}', '{"a":2}'], ['{"a":3}'])).toHaveLength(1);
});

test('of a table the columns are compared', () => {
    expect(missing(['a,b', '1,2'], ['a,b', '3,4', '5,6'])).toEqual([]);
    expect(missing(['a,b', '1,2'], ['a,c', '1,2'])).toEqual(['a,b']);
});

test('a call succeeds, or fails as the page shows', () => {
    const command = (...shown: string[]) => ({ text: 'curl x', shown });
    const refused = '{"type":"urn:x","title":"no","status":409,"code":"ILLEGAL_MOVE"}';
    expect([200, 204, 404].map((status) => isExpected(command(), status))).toEqual([true, true, false]);
    expect([200, 409, 404].map((status) => isExpected(command(refused), status))).toEqual([false, true, false]);
    expect(isExpected(command('{"outcome":"failed","status":422,"error":{"code":"HTTP_STATUS"}}'), 200)).toBe(true);
});
