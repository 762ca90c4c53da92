// `sessionmint/testing`: a real token manager on a service and a clock that a test has in hand.
import type { Clock, TokenManager, TokenManagerOptions, User } from "./index.js";

/**
 * A manager as the app has one, with somebody signed in, on a fake of the service and a clock that stands still.
 * Nothing leaves the process.
 */
export function createTestAuth(options?: TestAuthOptions): TestAuth;

/**
 * The manager's options, where `iam` defaults to `https://api.example.com/iam`, `apis` to that origin, `activity` to
 * `"calls"` and `tabs` to false; and those of the fake.
 */
export interface TestAuthOptions
  extends Omit<TokenManagerOptions, "iam" | "fetch" | "clock">, Omit<FakeIamOptions, "clock" | "scope"> {
  /** The time of day at the start. Default: 2030-01-01T00:00Z. */
  now?: Date | number;
}

/** What a test has in hand. */
export interface TestAuth extends Disposable {
  /** The manager: give it to the app. */
  readonly auth: TokenManager;
  /** The service: what it was asked, and what it answers next. */
  readonly iam: FakeIam;
  /** The manager's and the service's time. */
  readonly clock: VirtualClock;
  /** Resolves once everything has happened that needs no time. */
  settled(): Promise<void>;
  /** Disposes of the manager. */
  dispose(): void;
}

/** A service as {@link FakeIam} plays it. */
export interface FakeIamOptions {
  /** Its address. Default: `https://api.example.com/iam`. */
  iam?: string | URL;
  /** Who is signed in at the start; null for nobody. Default: `{ id: "usr_1", username: "alice" }`. */
  user?: User | null;
  /** Passwords by user name. Default: everybody may sign in, with any password. */
  passwords?: Readonly<Record<string, string>>;
  /** Seconds that a token lives. Default: 300. */
  tokenLifetime?: number;
  /** Seconds from a sign-in to the session's absolute end. Default: 86400. */
  sessionLifetime?: number;
  /** Seconds without activity after which a session ends. Default: 3600. */
  idleLifetime?: number;
  /** The scopes of a token that was asked for without any. Default: `"api"`. */
  scope?: string;
  /** Makes the token; `count` counts from 1. Default: in the shape of a JWT with these claims. */
  token?: (claims: Claims, count: number) => string;
  /**
   * Answers everything outside of the service: the app's APIs and any other host. `bearer` is undefined without a token
   * that is good at this time. Default: 200 with `{}` for a good token, else 401.
   */
  api?: (request: Request, bearer: Bearer | undefined) => Response | Promise<Response>;
  /** Its time. Default: the platform's. */
  clock?: Pick<Clock, "now" | "setTimeout">;
}

/** What a token says. */
export interface Claims {
  /** The service. */
  iss: string;
  /** The user's id. */
  sub: string;
  /** The resource. */
  aud: string;
  /** Its end, in seconds since 1970. */
  exp: number;
  /** When it was made, in seconds since 1970. */
  iat: number;
  /** Its own id. */
  jti: string;
  /** The browser client. */
  client_id: string;
  /** The session's id. */
  sid: string;
  /** When the user signed in, in seconds since 1970. */
  auth_time: number;
  /** The scopes, separated by spaces. */
  scope: string;
}

/** Who is behind a good token. */
export interface Bearer {
  /** The user. */
  user: User;
  /** What the token says. */
  claims: Claims;
}

/** Plays the service; for an app that makes its manager itself, or a mock server in between. */
export function createFakeIam(options?: FakeIamOptions): FakeIam;

/** The service, one browser's cookie jar, and the APIs. */
export interface FakeIam {
  /** Its address: the manager's option `iam`. */
  readonly url: string;
  /** Stands in for the platform's fetch: the manager's option `fetch`. */
  readonly fetch: (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>;
  /** How it answers requests for a token. */
  readonly mint: Script;
  /** How it answers sign-ins. */
  readonly login: Script;
  /** How it answers sign-outs. */
  readonly logout: Script;
  /** All requests so far, those to the APIs as well. */
  readonly requests: SeenRequest[];
  /** Who is signed in, if anybody. */
  readonly user: User | undefined;
  /** How many requests are being answered now, without those that wait for time or for a script. */
  readonly underWay: number;
  /** Signs somebody in as another tab would: the manager learns of it at its next mint. */
  signIn(user?: User): void;
  /** Ends the session as the service would: the manager learns of it at its next mint. */
  endSession(): void;
  /** From now on the tokens made so far are no good: APIs answer 401. */
  refuseTokens(): void;
}

/** What an endpoint does in place of its job. */
export interface Script {
  /** The next requests meet these, one each, in this order. */
  next(...faults: ScriptEntry[]): void;
  /** Requests that meet nothing of `next` meet this; undefined for nothing. */
  always(fault: ScriptEntry): void;
  /** Requests so far. */
  readonly count: number;
}

/** A fault, or a function that gives one for a request; undefined for none. */
export type ScriptEntry =
  | Fault
  | Failure
  | undefined
  | ((request: SeenRequest, count: number) => Fault | Failure | undefined | Promise<Fault | Failure | undefined>);

/** There is no answer, the network is down, the origin is not allowed, or the session has ended. */
export type Failure = "hang" | "network" | "origin_refused" | "session_ended";

/** What goes another way than usual. */
export interface Fault {
  /** Milliseconds before anything else happens. */
  delay?: number;
  /** Fails in this way. */
  fail?: Failure;
  /** Answers with this status, 429 for example. Default with a `body`: 200. */
  status?: number;
  /** Adds this `Retry-After`, in seconds. */
  retryAfter?: number;
  /** The OAuth error in the answer. */
  error?: string;
  /** The answer's body; what is no string becomes JSON. */
  body?: unknown;
  /** Further headers of the answer. */
  headers?: Record<string, string>;
  /** Of a token: seconds that it lives. */
  expiresIn?: number;
  /** Of a token: seconds to the session's end, as the answer says it. */
  sessionExpiresIn?: number;
}

/** A request that came. */
export interface SeenRequest {
  /** `"POST"`, … */
  method: string;
  /** The whole address. */
  url: string;
  /** Names in lower case. */
  headers: Record<string, string>;
  /** As text; undefined for none. */
  body: string | undefined;
}

/** A clock that stands still until it is told to move. */
export function createVirtualClock(options?: VirtualClockOptions): VirtualClock;

/** How a virtual clock starts. */
export interface VirtualClockOptions {
  /** The time of day. Default: 2030-01-01T00:00Z. */
  now?: Date | number;
  /** Resolves once everything has happened that needs no time. Default: after a turn of the event loop. */
  settled?: () => Promise<void>;
}

/** Time in hand: the manager's option `clock`. */
export interface VirtualClock extends Clock {
  /** Lets time pass: timers fire in order, and after each what follows from it happens. */
  pass(millis: number): Promise<void>;
  /** Lets time pass at once: timers fire in order, and nothing else happens in between. */
  tick(millis: number): void;
  /** Sets the time of day, without time passing. */
  jump(millis: number): void;
  /** How many timers wait. */
  readonly pending: number;
}
