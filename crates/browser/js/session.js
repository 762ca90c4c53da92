// The session as one value that changes: what every framework's adapter is made of.

/** Before anything is known, and all that a server that renders pages ever knows. */
export const UNKNOWN = Object.freeze({ status: "unknown", user: undefined, error: undefined });

export function createSession(auth, { loadUser, ask = typeof window === "object" } = {}) {
  const listeners = new Set();
  let value = UNKNOWN;
  let deaf;
  /** The look at who is signed in that counts; an earlier one that is still under way does not. */
  let look;
  let logins = 0;

  /** Takes over the manager's state and `change`; whoever is not signed in is nobody. */
  function update(change) {
    const status = auth.state;
    const next = { ...value, ...change, status };
    if (status !== "signedin") next.user = undefined;
    if (Object.keys(next).some((name) => next[name] !== value[name])) value = Object.freeze(next);
  }

  function set(change) {
    const before = value;
    update(change);
    if (value !== before) for (const listener of [...listeners]) listener(value);
  }

  /** Asks the app who is signed in. Until it answers nobody is. */
  async function meet() {
    const mine = (look = {});
    set({ user: undefined, error: undefined });
    if (!loadUser || auth.state !== "signedin") return;
    let found;
    try {
      found = { user: await loadUser(auth) };
    } catch (cause) {
      found = { error: { code: "user_not_loaded", temporary: true, retryAfter: cause?.retryAfter, cause } };
    }
    if (look === mine) set(found);
  }

  /** There is a session and the service answers. */
  function well() {
    if (value.error?.code === "user_not_loaded") meet();
    else set({ error: undefined });
  }

  const heard = {
    // `login` itself says who came.
    signedin: () => logins || meet(),
    renewed: well,
    recovered: well,
    degraded: ({ code, retryAfter }) => set({ error: { code, temporary: true, retryAfter } }),
    signedout() {
      look = undefined;
      set({ error: undefined });
    },
  };

  function listen() {
    const stops = Object.keys(heard).map((type) => auth.on(type, heard[type]));
    deaf = () => stops.forEach((stop) => stop());
  }

  /** Nobody is left who would notice that somebody else signs in. */
  function rest() {
    if (listeners.size > 0 || !deaf) return;
    deaf();
    deaf = look = undefined;
    value = UNKNOWN;
  }

  const session = {
    auth,

    get value() {
      update();
      return value;
    },

    subscribe(listener) {
      const entry = (now) => listener(now);
      listeners.add(entry);
      if (!deaf) {
        listen();
        if (auth.state === "signedin") meet();
        else if (auth.state === "unknown" && ask) session.check();
      }
      listener(session.value);
      return () => {
        // Later, since a page that gives way to the next one leaves before that one comes.
        if (listeners.delete(entry)) queueMicrotask(rest);
      };
    },

    async login(credentials) {
      if (!deaf) listen();
      logins++;
      try {
        const answer = await auth.login(credentials);
        if (loadUser) await meet();
        else set({ user: answer.user, error: undefined });
        return answer;
      } finally {
        logins--;
        set();
      }
    },

    async logout() {
      const done = auth.logout();
      set();
      await done;
    },

    async check() {
      try {
        await auth.getToken();
      } catch (error) {
        if (error.code !== "signed_out") set({ error });
      }
    },
  };
  return Object.freeze(session);
}
