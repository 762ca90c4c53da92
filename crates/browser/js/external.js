// The entry with the wasm module as a file of its own, beside the script: smaller, cached apart, compiled while it comes
// in. For bundlers that know `new URL(…, import.meta.url)`.
import { compileFrom } from "./compile.js";
import { loader } from "./loader.js";
import { createManager } from "./manager.js";

export { TokenError } from "./errors.js";

const load = loader(
  () => compileFrom(new URL("./sessionmint.wasm", import.meta.url)),
  () => import("./fallback.js"),
);

export function createTokenManager(options) {
  return createManager(options, load);
}
