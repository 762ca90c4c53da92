// `sessionmint/isolated`: token and API calls live in a worker, out of reach of the page's scripts.
import type { TokenManager, TokenManagerOptions } from "./index.js";

export * from "./index.js";

/**
 * Creates a token manager whose token never enters the page. The same as in `sessionmint`, without `getToken` and `peek`.
 *
 * @throws {TypeError} for a mistake in the options
 */
export function createTokenManager(options: IsolatedOptions): IsolatedTokenManager;

/** The options of `sessionmint`, without what cannot cross into a worker. */
export interface IsolatedOptions extends Omit<TokenManagerOptions, "fetch" | "clock"> {
  /** Where the token lives: in a dedicated worker of the page. */
  isolate: "worker";

  /**
   * Starts the worker, a module whose script is `sessionmint/isolated-worker`. Default:
   * `new Worker(new URL("./isolated-worker.js", import.meta.url), { type: "module" })`, which Vite, webpack and Next.js
   * resolve; with other bundlers build that script as an entry of its own and say here where it is.
   */
  worker?: () => Worker;
}

/**
 * A token manager that gives nobody its token. Its `fetch` sends calls to the APIs from the worker: bodies are read
 * whole before they are sent, answers come as they come in. Every other address is fetched by the page.
 */
export type IsolatedTokenManager = Omit<TokenManager, "getToken" | "peek">;
