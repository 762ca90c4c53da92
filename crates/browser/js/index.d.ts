/// <reference lib="esnext.disposable" />
// The public contract of the package. Written by hand.

/** Creates a token manager. Does nothing else: no request, no timer, no listener before the first use; safe without a DOM. */
export function createTokenManager(options: TokenManagerOptions): TokenManager;

export interface TokenManagerOptions {
  /**
   * Address of the sign-in service, for example `https://api.example.com/iam`. It must share a registrable domain with
   * the page. https; http only for localhost.
   */
  iam: string | URL;

  /**
   * The services that {@link TokenManager.fetch} sends the token to: exact origin, then the longest path prefix
   * (`/notes` covers `/notes/7`, not `/notes2`). Every other address is fetched without a token. Default: none.
   */
  apis?: readonly (string | URL | Api)[];

  /** The browser client at the sign-in service. Default: the one that has the page's origin. */
  clientId?: string;

  /**
   * What counts as the user being there, for the session's idle timeout: `"input"` (pointer, keys, wheel, touch; the
   * default in a page) or `"calls"` (calls of `getToken` and `fetch`; always so where there is no page).
   */
  activity?: "input" | "calls";

  /** The fetch to use for all requests. Default: `globalThis.fetch`, looked up at each call. */
  fetch?: (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;

  /** The clocks and timers to use; for tests. Default: the platform's. */
  clock?: Clock;
}

/** A service, and which token it gets. */
export interface Api extends TokenRequest {
  /** Absolute address of the service, with its path prefix. */
  url: string | URL;
}

/** Which token: tokens are kept and renewed apart for each pair. */
export interface TokenRequest {
  /** The service that the token is for (RFC 8707). Default: the browser client's own default. */
  resource?: string | undefined;
  /** Scopes, separated by spaces. Default: the browser client's own default. */
  scope?: string | undefined;
}

export interface TokenManager extends Disposable {
  /**
   * A valid token: at once if there is one, else minted, together with everybody else who asks. Tries again for up to
   * 10 s while the service has temporary trouble.
   *
   * @throws {TokenError} `signed_out`, a temporary error, `not_allowed` or `origin_refused`
   * @throws the signal's reason when it aborts; other callers are not disturbed
   */
  getToken(request?: TokenRequest & { signal?: AbortSignal | undefined }): Promise<string>;

  /** The valid token in hand, or undefined. Asks nobody. */
  peek(request?: TokenRequest): string | undefined;

  /**
   * `fetch` with `Authorization: Bearer …` for the addresses in {@link TokenManagerOptions.apis}, and a plain `fetch`
   * for all others and for a request that brings its own `Authorization`. After a 401 the token is renewed once and the
   * request sent once more, unless its body was a stream. Redirects are not followed with a token (`redirect_refused`).
   */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;

  /**
   * Signs in with a password. Resolves only once a first token was minted, so the session is known to work.
   *
   * @throws {TokenError} `invalid_credentials`, `throttled`, `cookie_not_stored`, `origin_refused`, …
   */
  login(credentials: Credentials): Promise<{ user: User }>;

  /**
   * Signs out: here at once, then at the service. Rejects when the service could not be told; this manager stays
   * signed out all the same, until the next `login` or page.
   */
  logout(): Promise<void>;

  /** Listens. The result stops listening. A listener that throws disturbs no other. */
  on<Type extends keyof TokenManagerEvents>(type: Type, listener: (event: TokenManagerEvents[Type]) => void): () => void;

  /** What is known about the session. Temporary trouble does not change it. */
  readonly state: "unknown" | "signedin" | "signedout" | "disposed";

  /** Drops the tokens, refuses all callers, stops timers and listeners. The session at the service lives on. */
  dispose(): void;
}

export interface Credentials {
  username: string;
  password: string;
  /** Asks the service for a cookie that outlives the browser's session. Default: false. */
  staySignedIn?: boolean;
  signal?: AbortSignal | undefined;
}

export interface User {
  /** Stable and never reused; equals the token's `sub`. */
  id: string;
  username: string;
}

export interface TokenManagerEvents {
  /** There is a session: the first token came. */
  signedin: TokenEvent;
  /** A further token came. */
  renewed: TokenEvent & {
    /** Why: somebody had none, the one served was about to end, an API refused it, or the user was there. */
    cause: "caller" | "ahead" | "rejected" | "background" | "restored" | "peer";
  };
  /** There is no session any more; never because of an outage. */
  signedout: {
    /** There was none to begin with, the service ended it, or `logout` was called. */
    reason: "no_session" | "session_ended" | "logout" | "elsewhere";
  };
  /** Tokens cannot be renewed for now; the one in hand is served until it ends. */
  degraded: {
    code: TokenErrorCode;
    /** Seconds until the next try. */
    retryAfter: number | undefined;
  };
  /** Tokens can be renewed again. */
  recovered: Record<string, never>;
  /** The session reaches its absolute end soon, whatever the user does. Two minutes ahead. */
  ending: {
    secondsLeft: number;
    /** Milliseconds since 1970. */
    sessionEndsAt: number;
  };
}

export interface TokenEvent {
  resource: string | undefined;
  /** The scopes granted, separated by spaces. */
  scope: string | undefined;
  /** Milliseconds since 1970. */
  expiresAt: number;
  /** The session's absolute end in milliseconds since 1970. */
  sessionEndsAt: number;
}

export type TokenErrorCode =
  | "signed_out"
  | "timeout"
  | "network"
  | "unavailable"
  | "throttled"
  | "origin_refused"
  | "not_allowed"
  | "invalid_credentials"
  | "cookie_not_stored"
  | "redirect_refused"
  | "disposed"
  | "wasm_missing"
  | "wasm_blocked_by_csp"
  | "wasm_not_found"
  | "wasm_failed";

/** The one error class of the package. Switch on `code`; the message is for people. */
export class TokenError extends Error {
  private constructor();
  readonly name: "TokenError";
  readonly code: TokenErrorCode;
  /** Trying again later may help; the user is still signed in as far as is known. */
  readonly temporary: boolean;
  /** Seconds until it makes sense to try again, where that is known. */
  readonly retryAfter: number | undefined;
  /** What was behind it: an error, or `{ status, error }` of the answer. */
  readonly cause?: unknown;
}

export interface Clock {
  /** Milliseconds since 1970, like `Date.now()`. */
  now(): number;
  /** Milliseconds of a clock that never goes back, like `performance.now()`. */
  monotonic(): number;
  setTimeout(callback: () => void, delay: number): unknown;
  clearTimeout(timer: unknown): void;
}
