/** The script of the worker that `sessionmint/isolated` starts: an entry for bundlers that do not find it by themselves. */
export {};
