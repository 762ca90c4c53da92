// The wasm module from where it lies: for the entries that do not carry it inlined.
import { TokenError } from "./errors.js";

/** Compiles what an address gives, while it comes in. */
export async function compileFrom(url) {
  let response;
  try {
    response = await fetch(url);
  } catch (cause) {
    const message = `the WebAssembly module could not be fetched from ${url}: the network, or connect-src of the page's content security policy`;
    throw new TokenError("wasm_failed", { message, cause });
  }
  return compileResponse(response);
}

/** Compiles whatever form the module has: compiled already, an address, a response, or bytes. */
export function compileAny(wasm) {
  if (wasm instanceof WebAssembly.Module) return wasm;
  if (typeof wasm === "string" || wasm instanceof URL) return compileFrom(wasm);
  if (typeof wasm?.arrayBuffer === "function") return compileResponse(wasm);
  return WebAssembly.compile(wasm);
}

async function compileResponse(response) {
  const { ok, status, url } = response;
  const type = response.headers.get("content-type") ?? "no type";
  // A page in its place is how servers of single-page apps say that a file is not there.
  if (status === 404 || status === 410 || /^text\/html\b/i.test(type)) {
    const message = `the WebAssembly module is not at ${url}: the answer is status ${status}, ${type}`;
    throw new TokenError("wasm_not_found", { message, cause: { status } });
  }
  if (!ok) throw new TokenError("wasm_failed", { cause: { status } });
  // Engines stream the exact type only; a server that says something else has sent the same bytes.
  if (/^application\/wasm$/i.test(type) && WebAssembly.compileStreaming) return WebAssembly.compileStreaming(response);
  return WebAssembly.compile(await response.arrayBuffer());
}
