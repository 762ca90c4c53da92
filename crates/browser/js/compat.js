// The entry that never touches WebAssembly: for pages whose policy forbids it and reports who tries.
import { load } from "./fallback.js";
import { createManager } from "./manager.js";

export { TokenError } from "./errors.js";

export function createTokenManager(options) {
  return createManager(options, load);
}
