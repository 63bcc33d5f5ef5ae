// Texts for people: names and messages of others are shown, and never obeyed by the terminal.

/** A text without control characters: what a target or a file says could otherwise move the cursor, or pass for something that it is not. */
export const printable = (text: string): string =>
    // eslint-disable-next-line no-control-regex
    text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, (character) => {
        const code = character.charCodeAt(0);
        return code < 0x20 ? String.fromCharCode(0x2400 + code) : '�';
    });

/** The same of a text of several lines, which stay lines. */
export const printableLines = (text: string): string => text.split('\n').map(printable).join('\n');

/** At most so many characters; a cut text ends with an ellipsis. */
export function cut(text: string, most: number): string {
    const characters = [...text];
    return characters.length <= most ? text : `${characters.slice(0, Math.max(0, most - 1)).join('')}…`;
}

/** Characters as a terminal counts them, but for wide ones. */
export const widthOf = (text: string): number => [...text].length;

let grouped: Intl.NumberFormat | undefined;
/** Made when it is first needed: it takes a sixth of the time that a start may. */
export const number = (n: number): string => (grouped ??= new Intl.NumberFormat('en-US')).format(n);

/** One item, two items. */
export const items = (n: number): string => `${number(n)} ${n === 1 ? 'item' : 'items'}`;

/** Bytes as people say them, by powers of 1000. */
export function bytes(n: number): string {
    const units = ['bytes', 'kB', 'MB', 'GB'];
    let at = 0;
    for (; n >= 1000 && at < units.length - 1; at++) n /= 1000;
    return `${at === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)} ${units[at]}`;
}

/** A stretch of time in its two largest units: `1 h 05 min`, `3 min 20 s`, `12 s`. */
export function stretch(ms: number): string {
    const seconds = Math.max(0, Math.round(ms / 1000));
    const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
    const two = (n: number): string => String(n).padStart(2, '0');
    if (days > 0) return `${days} d ${two(hours)} h`;
    if (hours > 0) return `${hours} h ${two(minutes)} min`;
    if (minutes > 0) return `${minutes} min ${two(seconds % 60)} s`;
    return `${seconds} s`;
}

const colours = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;
export type Colour = keyof typeof colours;

export const painted = (text: string, colour: Colour): string => `\u001b[${colours[colour]}m${text}\u001b[0m`;
