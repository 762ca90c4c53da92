// The package's entry: the token manager with the wasm module inlined.
import { load } from "./inlined.js";
import { createManager } from "./manager.js";

export { TokenError } from "./errors.js";

export function createTokenManager(options) {
  return createManager(options, load);
}
