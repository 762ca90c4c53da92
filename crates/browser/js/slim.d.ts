// `sessionmint/slim`: the app says where the WebAssembly module is. The rest is that of `sessionmint`.
import type { TokenManager, TokenManagerOptions } from "./index.js";

export * from "./index.js";

/** As in `sessionmint`, with the module of the option `wasm`. */
export function createTokenManager(options: SlimOptions): TokenManager;

/** The options of `sessionmint`, and where the module is. */
export interface SlimOptions extends TokenManagerOptions {
  /**
   * The WebAssembly module, which is `sessionmint/sessionmint.wasm` of the same version of the package, or a function
   * that gives it. It is loaded on first use and once for all managers of the page, so the first one counts. After a
   * load that failed, the next call asks a function again; a `Response` can be read only once.
   */
  wasm: WasmSource | Promise<WasmSource> | (() => WasmSource | Promise<WasmSource>);

  /**
   * What runs where there is no WebAssembly or the page's policy forbids it: `() => import("sessionmint/fallback")`, of the
   * same version of the package. Default: nothing; then such a page gets `wasm_missing` or `wasm_blocked_by_csp`.
   */
  fallback?: () => Promise<Fallback>;
}

/** A compiled module, its address, its bytes, or the answer of a `fetch`. */
export type WasmSource = WebAssembly.Module | string | URL | BufferSource | Response;

/** What `import("sessionmint/fallback")` gives. */
export type Fallback = typeof import("./fallback.js");
