/** The first line of what the engine says of a failure: it goes on with kilobytes of stack, and history must stay small. */
export const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n')[0]!.slice(0, 300);
