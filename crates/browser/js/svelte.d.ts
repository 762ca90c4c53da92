// `sessionmint/svelte`: for every Svelte that has stores.
import type { TokenManager, User } from "./index.js";
import type { SessionOptions, SessionStore } from "./session.js";

export type { Session, SessionActions, SessionError, SessionOptions, SessionStore } from "./session.js";

/** The session as a readable store (`$session.status`), with `login`, `logout` and `check` beside it. */
export function sessionStore<U = User>(auth: TokenManager, options?: SessionOptions<U>): SessionStore<U>;
