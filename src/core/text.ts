// Text as Unicode has it.

/** Whether the text holds half a surrogate pair: UTF-8 does not know it, so on its way out it would become another text. */
export const hasLoneSurrogate = (text: string): boolean => /\p{Surrogate}/u.test(text);

/** At most so many UTF-16 units, not ending within a surrogate pair. */
export function cutText(text: string, units: number): string {
    if (text.length <= units) return text;
    const last = text.charCodeAt(units - 1);
    return text.slice(0, last >= 0xd800 && last <= 0xdbff ? units - 1 : units);
}

/** What a thrown value says. Anything can be thrown: what throws when it is looked at, and what cannot be made a text. */
export function messageOf(error: unknown): string {
    try {
        return String(error instanceof Error ? error.message : error);
    } catch {
        return 'something was thrown that has no text';
    }
}
