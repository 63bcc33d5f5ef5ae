// What stands as text in a URL or a header, as the value that its schema speaks of.
import type { Schema } from './document';

const isArray = ({ type }: Schema): boolean => type === 'array' || (Array.isArray(type) && type.includes('array'));

const one = (text: string): unknown[] => [
    text,
    ...(/^-?\d+(\.\d+)?$/.test(text) ? [Number(text)] : []),
    ...(text === 'true' || text === 'false' ? [text === 'true'] : []),
];

/** All that these texts may stand for. The parameter fits when one of them does; several are given only where a parameter is repeated. */
export function possibleValues(texts: string[], schema: Schema): unknown[] {
    if (isArray(schema)) return [texts, texts.map((text) => one(text).at(-1))];
    return texts.length === 1 ? one(texts[0]!) : [texts];
}
