/** Ends a test by what is wrong. */
export const fail = (why: string): never => {
    throw new Error(why);
};
