// The wasm module that is inlined as a script, which every bundler and CSP setup can carry.
import inline from "./inline.js";

export async function compile() {
  const zipped = Uint8Array.from(atob(inline), (char) => char.charCodeAt(0));
  const stream = new Response(zipped).body.pipeThrough(new DecompressionStream("gzip"));
  return WebAssembly.compile(await new Response(stream).arrayBuffer());
}
