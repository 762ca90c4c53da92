// `sessionmint/external`: the WebAssembly module as a file of its own. The rest is that of `sessionmint`.
export * from "./index.js";
