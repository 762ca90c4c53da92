/// <reference lib="esnext.disposable" />
// The public contract of the package. Written by hand.

/**
 * Creates a token manager. Does nothing else: no request, no timer, no listener before the first use; safe without a DOM.
 *
 * @throws {TypeError} for a mistake in the options
 */
export function createTokenManager(options: TokenManagerOptions): TokenManager;

/** What a manager works with. Only `iam` is required. */
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

  /**
   * Whether the tabs of the page's origin mint once for all and hand the token over, sealed; with `"signals"` they tell
   * each other of sign-in, sign-out and pauses after failures only. Needs a secure context and `BroadcastChannel`.
   * Default: true.
   */
  tabs?: boolean | "signals";

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

/** Holds the tokens of one session and keeps them fresh. Its methods may be used apart from it (`const { getToken } = auth`). */
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

/** What a user signs in with. */
export interface Credentials {
  /** The name that the user signs in with. */
  username: string;
  /** Sent once, kept nowhere. */
  password: string;
  /** Asks the service for a cookie that outlives the browser's session. Default: false. */
  staySignedIn?: boolean;
  /** Gives up. The service may have accepted the sign-in nevertheless. */
  signal?: AbortSignal | undefined;
}

/** Who signed in. */
export interface User {
  /** Stable and never reused; equals the token's `sub`. */
  id: string;
  /** The name that the user signs in with; may change. */
  username: string;
}

/** What {@link TokenManager.on} listens to, and what a listener is given. No event carries a token. */
export interface TokenManagerEvents {
  /** There is a session: the first token came. */
  signedin: TokenEvent & {
    /** Whether it was minted here or handed over by another tab. */
    cause: "caller" | "peer";
  };
  /** A further token came. */
  renewed: TokenEvent & {
    /**
     * Why: somebody had none, the one served was about to end, an API refused it, the user was there, the page stood
     * still; or another tab handed it over.
     */
    cause: "caller" | "ahead" | "rejected" | "background" | "restored" | "peer";
  };
  /** There is no session any more; never because of an outage. */
  signedout: {
    /** There was none to begin with, the service ended it, `logout` was called, or another tab signed out or in as somebody else. */
    reason: "no_session" | "session_ended" | "logout" | "elsewhere";
  };
  /** Tokens cannot be renewed for now; the one in hand is served until it ends. */
  degraded: {
    /** The trouble, as a caller without a valid token is told. */
    code: TokenErrorCode;
    /** Seconds until the next try. */
    retryAfter: number | undefined;
  };
  /** Tokens can be renewed again. */
  recovered: Record<string, never>;
  /** The session reaches its absolute end soon, whatever the user does. Two minutes ahead. */
  ending: {
    /** Whole seconds to the end. */
    secondsLeft: number;
    /** The end in milliseconds since 1970. */
    sessionEndsAt: number;
  };
}

/** About a token, without the token. */
export interface TokenEvent {
  /** The service that it is for, as it was asked for. */
  resource: string | undefined;
  /** The scopes granted, separated by spaces. */
  scope: string | undefined;
  /** The token's end in milliseconds since 1970. */
  expiresAt: number;
  /** The session's absolute end in milliseconds since 1970. */
  sessionEndsAt: number;
}

/** What went wrong: stable, for programs. */
export type TokenErrorCode =
  /** There is no session: the user has to sign in. */
  | "signed_out"
  /** No answer in time. Temporary. */
  | "timeout"
  /** The service could not be reached. Temporary. */
  | "network"
  /** The service cannot answer at the moment. Temporary. */
  | "unavailable"
  /** The service asks for a pause. Temporary. */
  | "throttled"
  /** The service is there but does not allow this origin. */
  | "origin_refused"
  /** The service refuses this client, audience or scope. */
  | "not_allowed"
  /** `login`: wrong name or password. */
  | "invalid_credentials"
  /** `login`: accepted, but the browser kept no cookie. */
  | "cookie_not_stored"
  /** `fetch`: the API answered with a redirect. */
  | "redirect_refused"
  /** This manager was disposed of. */
  | "disposed"
  /** With `sessionmint/isolated`: its worker could not be started. Temporary. */
  | "worker_failed"
  /** This browser has no WebAssembly, and what stands in for it could not be loaded. Temporary if there is such a thing. */
  | "wasm_missing"
  /** The page's content security policy forbids WebAssembly, and what stands in for it could not be loaded. Likewise. */
  | "wasm_blocked_by_csp"
  /** The server has no WebAssembly module at that address. */
  | "wasm_not_found"
  /** The WebAssembly module could not be loaded for another reason. Temporary. */
  | "wasm_failed";

/** The one error class of the package. Switch on `code`; the message is for people. */
export class TokenError extends Error {
  private constructor();
  /** For logs. */
  readonly name: "TokenError";
  /** What went wrong. */
  readonly code: TokenErrorCode;
  /** Trying again later may help; the user is still signed in as far as is known. */
  readonly temporary: boolean;
  /** Seconds until it makes sense to try again, where that is known. */
  readonly retryAfter: number | undefined;
  /** What was behind it: an error, or `{ status, error }` of the answer. */
  readonly cause?: unknown;
}

/** Time as a manager sees it. */
export interface Clock {
  /** Milliseconds since 1970, like `Date.now()`. */
  now(): number;
  /** Milliseconds of a clock that never goes back, like `performance.now()`. */
  monotonic(): number;
  /** Calls back after `delay` milliseconds; gives what `clearTimeout` takes. */
  setTimeout(callback: () => void, delay: number): unknown;
  /** Does nothing for what is not a timer of its own, or not one any more. */
  clearTimeout(timer: unknown): void;
}
