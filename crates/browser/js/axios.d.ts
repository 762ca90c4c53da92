// `sessionmint/axios`: for axios 1.12 and later.
import type { TokenError, TokenManager } from "./index.js";

/**
 * Sends the requests of an axios instance through `auth.fetch`, with all its rules: a token for the addresses in `apis`
 * and for no other, no redirect with a token, one more try after a 401. For that they take axios's own fetch adapter;
 * a request whose `adapter` is a function is left alone. The result takes it back.
 */
export function attachAuth(axios: AxiosLike, auth: Pick<TokenManager, "fetch">): () => void;

/** The manager's error behind what axios rejects with, or undefined: axios wraps what its transport throws. */
export function tokenError(error: unknown): TokenError | undefined;

/** The part of an axios instance that is used. */
export interface AxiosLike {
  /** As in axios. */
  readonly interceptors: {
    /** As in axios. */
    readonly request: {
      /** As in axios. */
      use(onFulfilled: (config: any) => any): number;
      /** As in axios. */
      eject(id: number): void;
    };
  };
}
