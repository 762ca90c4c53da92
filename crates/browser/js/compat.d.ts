// `sessionmint/compat`: the same without WebAssembly, for pages whose policy forbids it. The rest is that of `sessionmint`.
export * from "./index.js";
