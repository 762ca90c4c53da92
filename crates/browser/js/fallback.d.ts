// `sessionmint/fallback`: what runs where there is no WebAssembly. For the option `fallback` of `sessionmint/slim`; every
// other entry finds it itself.

/** Readies it. What it gives is for the entries of the same version only. */
export function load(): Promise<unknown>;
