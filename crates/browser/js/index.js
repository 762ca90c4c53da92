// The package's entry: the token manager with the wasm module inlined, which every bundler and CSP setup can carry.
import inline from "./inline.js";
import { loader } from "./loader.js";
import { createManager } from "./manager.js";

export { TokenError } from "./errors.js";

const load = loader(async () => {
  const zipped = Uint8Array.from(atob(inline), (char) => char.charCodeAt(0));
  const stream = new Response(zipped).body.pipeThrough(new DecompressionStream("gzip"));
  return WebAssembly.compile(await new Response(stream).arrayBuffer());
});

export function createTokenManager(options) {
  return createManager(options, load);
}
