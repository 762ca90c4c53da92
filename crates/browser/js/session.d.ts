// `sessionmint/session`: the session as one value that changes, for a framework that has no adapter here.
import type { Credentials, TokenErrorCode, TokenManager, User } from "./index.js";

/** Makes one. Listens to the manager while somebody is subscribed, or has signed in through it. */
export function createSession<U = User>(auth: TokenManager, options?: SessionOptions<U>): SessionStore<U>;

/** How an app's session is followed. */
export interface SessionOptions<U = User> {
  /**
   * Learns who is signed in: after the page was loaded anew only the service knows. Asked again at the next renewal if it
   * fails. Default: the user whom `login` of this session returned, and undefined after a reload.
   */
  loadUser?: ((auth: TokenManager) => Promise<U>) | undefined;

  /** Whether the first subscriber makes the manager find out if anybody is signed in. Default: in a page, not on a server. */
  ask?: boolean | undefined;
}

/** What is known about the session, at one time. A new object each time that something changes. */
export interface Session<U = User> {
  /** The manager's `state`. */
  readonly status: TokenManager["state"];
  /** Who is signed in, once that is known; always undefined for any other status. */
  readonly user: U | undefined;
  /** The trouble of the moment: tokens cannot be renewed, or the user not be loaded. Signs nobody out. */
  readonly error: SessionError | undefined;
}

/** A trouble; often a `TokenError`. */
export interface SessionError {
  /** What went wrong. */
  readonly code: TokenErrorCode | "user_not_loaded";
  /** Trying again later may help. */
  readonly temporary: boolean;
  /** Seconds until the next try, where that is known. */
  readonly retryAfter: number | undefined;
  /** What was behind it: with `user_not_loaded` what `loadUser` threw. */
  readonly cause?: unknown;
}

/** What changes the session. None of them needs a `this`. */
export interface SessionActions {
  /** The manager. */
  readonly auth: TokenManager;
  /** The manager's `login`; the session then knows the user. Its errors are the caller's. */
  login(credentials: Credentials): Promise<{ user: User }>;
  /** The manager's `logout`. */
  logout(): Promise<void>;
  /** Asks the service whether there is a session. Never rejects: `status` and `error` say what came of it. */
  check(): Promise<void>;
}

/** The session, to be subscribed to. */
export interface SessionStore<U = User> extends SessionActions {
  /** What is known now. The same object until something changes. */
  readonly value: Session<U>;
  /** Calls back at once, and whenever something changes. The result ends that. */
  subscribe(listener: (value: Session<U>) => void): () => void;
}
