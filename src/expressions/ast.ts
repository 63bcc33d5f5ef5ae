// The shape of a compiled expression: JMESPath's standard, nothing more.

export type Comparator = 'EQ' | 'NE' | 'LT' | 'LTE' | 'GT' | 'GTE';

/** One step of an expression. `current` is the value at hand; a projection applies `right` to every element of what `left` gives. */
export type Node =
    | { type: 'current' }
    | { type: 'field'; name: string }
    | { type: 'index'; index: number }
    | { type: 'slice'; start: number | null; stop: number | null; step: number | null }
    | { type: 'literal'; value: unknown }
    | { type: 'sub' | 'pipe' | 'or' | 'and'; left: Node; right: Node }
    | { type: 'not' | 'flatten'; child: Node }
    | { type: 'compare'; operator: Comparator; left: Node; right: Node }
    | { type: 'project' | 'projectValues'; left: Node; right: Node }
    | { type: 'filter'; left: Node; condition: Node; right: Node }
    | { type: 'list'; children: Node[] }
    | { type: 'hash'; entries: { name: string; value: Node }[] }
    | { type: 'call'; name: string; args: Node[] }
    /** `&expression`, an argument of functions that apply it themselves. */
    | { type: 'reference'; child: Node };
