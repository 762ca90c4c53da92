// `sessionmint/vue`: for Vue 3.5 and later.
import type { ComputedRef, Plugin } from "vue";
import type { TokenManager, User } from "./index.js";
import type { Session, SessionActions, SessionOptions } from "./session.js";

export type { Session, SessionActions, SessionError, SessionOptions } from "./session.js";

/** A plugin for `app.use`: follows the session of `auth` until the app is unmounted. The manager stays the app's. */
export function createAuth<U = User>(auth: TokenManager, options?: SessionOptions<U>): Plugin<[]>;

/**
 * The session as refs, and what changes it.
 *
 * @throws {Error} in an app that does not use {@link createAuth}
 */
export function useAuth<U = User>(): SessionRefs<U> & SessionActions;

/** The parts of the session, each a ref that cannot be set. */
export type SessionRefs<U = User> = {
  /** As in {@link Session}. */
  readonly [Part in keyof Session<U>]: ComputedRef<Session<U>[Part]>;
};
