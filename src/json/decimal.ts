// Numbers as decimal texts, compared without rounding.

/** Whether a text is a number as JSON writes them. */
export const isNumberText = (text: string): boolean => /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text);

/**
 * Whether a JSON number and a double are the same decimal number: `1.0` and `1`, `1e3` and `1000`; not `9007199254740993` and what a double makes of it.
 * The cost grows with the text's length.
 */
export function isSameNumber(text: string, value: number): boolean {
    return Number.isFinite(value) && normal(text) === normal(String(value));
}

/** Sign, digits without zeros at either end, and the power of ten of the last digit; `0` for every zero. */
function normal(text: string): string {
    const exponentAt = text.search(/[eE]/);
    const mantissa = exponentAt < 0 ? text : text.slice(0, exponentAt);
    const negative = mantissa.startsWith('-');
    const unsigned = negative ? mantissa.slice(1) : mantissa;
    const dot = unsigned.indexOf('.');
    const digits = dot < 0 ? unsigned : unsigned.slice(0, dot) + unsigned.slice(dot + 1);
    const decimals = dot < 0 ? 0 : unsigned.length - dot - 1;
    let from = 0;
    let to = digits.length;
    while (from < to && digits[from] === '0') from++;
    while (to > from && digits[to - 1] === '0') to--;
    if (from === to) return '0';
    const power = BigInt(exponentAt < 0 ? 0 : text.slice(exponentAt + 1).replace('+', '')) - BigInt(decimals) + BigInt(digits.length - to);
    return `${negative ? '-' : ''}${digits.slice(from, to)}e${power}`;
}
