// `sessionmint/react`: for React 18 and later.
import type { ReactElement, ReactNode } from "react";
import type { TokenManager, User } from "./index.js";
import type { Session, SessionActions, SessionOptions } from "./session.js";

export type { Session, SessionActions, SessionError, SessionOptions } from "./session.js";

/** Follows the session of `auth` for all components within. The manager stays the app's: unmounting does not dispose of it. */
export function AuthProvider<U = User>(props: AuthProviderProps<U>): ReactElement;

/** What {@link AuthProvider} takes. `loadUser` may be written in place; the last one given counts. */
export interface AuthProviderProps<U = User> extends SessionOptions<U> {
  /** The app's manager: created once, outside of components. */
  auth: TokenManager;
  /** The app. */
  children?: ReactNode;
}

/**
 * The session, and what changes it. Renders again when something changes; `"unknown"` on a server and while its page is
 * hydrated.
 *
 * @throws {Error} outside of an {@link AuthProvider}
 */
export function useAuth<U = User>(): Session<U> & SessionActions;
