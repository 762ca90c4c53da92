// `sessionmint/vue`: the session provided to an app, and a composable that gives it as refs.
import { computed, inject, shallowRef } from "vue";
import { createSession } from "./session.js";

const KEY = Symbol("sessionmint");

export function createAuth(auth, options) {
  return {
    install(app) {
      const session = createSession(auth, options);
      const value = shallowRef(session.value);
      const { login, logout, check } = session;
      const part = (name) => computed(() => value.value[name]);
      app.provide(KEY, { status: part("status"), user: part("user"), error: part("error"), auth, login, logout, check });
      // A server renders what is known before anybody asked.
      if (typeof window === "object") app.onUnmount(session.subscribe((now) => (value.value = now)));
    },
  };
}

export function useAuth() {
  const session = inject(KEY, undefined);
  if (!session) throw new Error("useAuth: the app does not use(createAuth(…))");
  return session;
}
