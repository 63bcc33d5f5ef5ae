// The variables of a URL template: where their values come from, and whether the items of a source have them at all.
import type { HttpProcess } from '../contracts/jobSpec';
import { Budget, codeOf, compileExpression, evaluate, KEY_STEPS, type Expression as JmesPath } from '../expressions/jmespath';
import { isObject } from '../expressions/values';
import { CallError } from './callError';
import { parseTemplate, TemplateError } from './uriTemplate';

type UrlSpec = Pick<HttpProcess, 'url' | 'vars' | 'optional'>;

/** Gives the values of an item's variables: what a variable's expression finds, else the item's field of that name. @throws CallError */
export type VariableReader = (item: unknown, budget?: Budget) => (name: string) => unknown;

/** The expressions of an item share one budget, and each is evaluated once: a URL can name the same variable two thousand times. */
export function variableReader(vars: UrlSpec['vars']): VariableReader {
    const expressions = new Map(Object.entries(vars ?? {}).map(([name, text]) => [name, compileExpression(text)]));
    return (item, budget = new Budget()) => {
        const known = new Map<string, unknown>();
        return (name) => {
            const expression = expressions.get(name);
            if (!expression) return fieldOf(item, name);
            if (!known.has(name)) known.set(name, found(expression, item, name, budget));
            return known.get(name);
        };
    };
}

function found(expression: JmesPath, item: unknown, name: string, budget: Budget): unknown {
    try {
        return evaluate(expression, item, budget);
    } catch (error) {
        const code = codeOf(error, 'URL_VARIABLE');
        throw new CallError(code, `the expression of the variable "${name}" does not fit this item: ${(error as Error).message}`);
    }
}

/** A field of an item that is an object; any other item is the variable `item`. Undefined where there is none. */
function fieldOf(item: unknown, name: string): unknown {
    if (!isObject(item)) return name === 'item' ? item : undefined;
    return Object.hasOwn(item, name) ? item[name] : undefined;
}

/** Items that are looked at before a variable is taken to be unknown. */
const LOOKED_AT = 1_000;
/** Steps that looking at them may take altogether: what costs more is left for the items to tell. */
const LOOK_STEPS = 5_000_000;
/** Fields that are named to whoever has named another. */
const NAMED = 10;
/** Characters of each that are shown. */
const NAME_SHOWN = 50;

/**
 * Watches the items of a source go by, to tell of a variable that none of the first thousand has: a wrong name would make every call wrong, or none.
 * A field counts as had also when it is null; what `vars` names, when its expression finds something, or costs too much to be looked at here.
 */
export class VariableCheck {
    private readonly unseen: Set<string>;
    private readonly read: VariableReader;
    private readonly byExpression: Set<string>;
    private looked = 0;
    private spent = 0;
    private fields: string[] | null = null;

    constructor(spec: UrlSpec) {
        this.unseen = new Set(templateVariables(spec.url));
        for (const name of spec.optional ?? []) this.unseen.delete(name);
        this.byExpression = new Set(Object.keys(spec.vars ?? {}));
        this.read = variableReader(spec.vars);
    }

    /** No further item need be looked at. */
    get done(): boolean {
        return this.unseen.size === 0 || this.looked === LOOKED_AT;
    }

    see(item: unknown): void {
        if (this.done) return;
        this.looked++;
        this.fields ??= isObject(item) ? Object.keys(item) : [];
        for (const name of this.unseen) if (this.has(item, name)) this.unseen.delete(name);
    }

    /** What is wrong, when all items that there are, or enough of them, have been seen; null when nothing is. */
    get problem(): string | null {
        if (this.unseen.size === 0 || this.looked === 0) return null;
        const names = [...this.unseen].map((name) => `"${name}"`).join(' and ');
        const fields = (this.fields ?? []).slice(0, NAMED).map((field) => JSON.stringify(field.slice(0, NAME_SHOWN)));
        const more = (this.fields?.length ?? 0) > NAMED ? ', …' : '';
        const has = fields.length > 0 ? `The first has ${fields.join(', ')}${more}.` : 'The first is no object with fields.';
        return (
            `none of the ${this.looked === LOOKED_AT ? 'first ' : ''}${this.looked} items has ${names}, which the URL names. ${has} ` +
            'Correct the URL, name the value by JMESPath in process.http.vars, or list what may be absent from a query in process.http.optional.'
        );
    }

    private has(item: unknown, name: string): boolean {
        const budget = new Budget(KEY_STEPS);
        try {
            const value = this.read(item, budget)(name);
            return value !== undefined && (value !== null || !this.byExpression.has(name));
        } catch {
            return budget.spent > KEY_STEPS; // otherwise its expression does not fit this item
        } finally {
            if ((this.spent += budget.spent) > LOOK_STEPS) this.unseen.clear();
        }
    }
}

/** The names in a template, each once; none in what is no template. */
export function templateVariables(url: string): string[] {
    try {
        const names = parseTemplate(url).flatMap((part) => (typeof part === 'string' ? [] : part.variables.map(({ name }) => name)));
        return [...new Set(names)];
    } catch (error) {
        if (error instanceof TemplateError) return [];
        throw error;
    }
}
