// The package's entry: the token manager with the wasm module inlined.
import { compile } from "./inlined.js";
import { loader } from "./loader.js";
import { createManager } from "./manager.js";

export { TokenError } from "./errors.js";

const load = loader(compile, () => import("./fallback.js"));

export function createTokenManager(options) {
  return createManager(options, load);
}
