"use client";
// `sessionmint/react`: the session in a context, and a hook that reads it.
import { createContext, createElement, useContext, useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import { createSession, UNKNOWN } from "./session.js";

const Session = /* @__PURE__ */ createContext(undefined);

export function AuthProvider({ auth, loadUser, ask, children }) {
  // A function written in place is another one at each rendering, and no reason for a new session.
  const latest = useRef(loadUser);
  useEffect(() => {
    latest.current = loadUser;
  });
  const session = useMemo(
    () => createSession(auth, { loadUser: latest.current && ((auth) => latest.current(auth)), ask }),
    [auth, ask],
  );
  // Holds the session while no other part of the app looks at it.
  useEffect(() => session.subscribe(() => {}), [session]);
  return createElement(Session.Provider, { value: session }, children);
}

export function useAuth() {
  const session = useContext(Session);
  if (!session) throw new Error("useAuth: there is no <AuthProvider> around this component");
  const value = useSyncExternalStore(
    session.subscribe,
    () => session.value,
    () => UNKNOWN,
  );
  const { auth, login, logout, check } = session;
  return useMemo(() => ({ ...value, auth, login, logout, check }), [value, session]);
}
