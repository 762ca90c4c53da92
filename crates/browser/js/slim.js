// The entry without the wasm module: the option `wasm` says where it is.
import { compileAny } from "./compile.js";
import { loader } from "./loader.js";
import { createManager } from "./manager.js";

export { TokenError } from "./errors.js";

export function createTokenManager(options) {
  const wasm = options?.wasm;
  if (wasm === undefined || wasm === null) throw new TypeError("`wasm` is required: the module, its address, bytes or response");
  const load = loader(async () => compileAny(await (typeof wasm === "function" ? wasm() : wasm)), options.fallback);
  return createManager(options, load);
}
