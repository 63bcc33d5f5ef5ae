// The name of a file, as an upload gives it.

/** A name tells the format by its ending and is shown; it is never a path. */
export const fileName = (text: string | null | undefined): string | undefined =>
    text
        ?.split(/[\\/]/)
        .at(-1)
        ?.slice(0, 255)
        // Not half of a pair either, which the cut may have left.
        .replace(/[\p{Cc}\p{Cf}\p{Surrogate}]/gu, '') || undefined;

/** File name of a Content-Disposition header (RFC 6266): `filename*` in UTF-8 wins over `filename`. */
export function fromDisposition(header: string | null): string | undefined {
    const extended = /filename\*\s*=\s*utf-8'[^']*'([^;\s]+)/i.exec(header ?? '')?.[1];
    if (extended && /^(?:[^%]|%[0-9a-f]{2})+$/i.test(extended)) return Buffer.from(unescapeBytes(extended), 'latin1').toString('utf8');
    const plain = /filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))/i.exec(header ?? '');
    return plain?.[1]?.replace(/\\(.)/g, '$1') ?? plain?.[2];
}

// Bytes, not characters: a percent sequence that is not UTF-8 must not throw.
const unescapeBytes = (text: string) => text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
