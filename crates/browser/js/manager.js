// The token manager: carries what happens to the core (the renewal machine in wasm), and does what the core says.
//
// The core decides, and never sees a token. The tokens are strings in this closure and nowhere else: not on an object
// that leaves it, not in storage, not in wasm memory.
import { fetchWithToken } from "./authorized-fetch.js";
import { PROBLEMS, TokenError } from "./errors.js";
import { NOTICES, createListeners } from "./listeners.js";
import { readOptions } from "./options.js";
import { watchPresence } from "./presence.js";
import { createRequests } from "./requests.js";
import { createTabs } from "./tabs.js";

/** What the core's numbers mean (`cause_code` and `reason_code` in src/lib.rs). */
const CAUSES = ["caller", "ahead", "rejected", "background", "restored", "peer"];
const REASONS = ["no_session", "session_ended", "logout", "elsewhere"];

/** The problems that the last answer, or its absence, explains. */
const ANSWERED = new Set(["network", "unavailable", "throttled", "not_allowed"]);

/** A timer's longest delay: beyond it browsers fire at once. */
const LONGEST_DELAY = 0x7fffffff;

/** `loadCore` gives `createCore`, once the wasm module is there; `watch` tells the core whether somebody is there. */
export function createManager(options, loadCore, watch = watchPresence) {
  const settings = readOptions(options);
  if (options.isolate) throw new TypeError("`isolate` needs sessionmint/isolated");
  const { clock } = settings;
  const requests = createRequests(settings);

  /** Key → what it stands for. Key 0 is the default resource with the default scopes. */
  const keys = [{}];
  /** Key → the token in hand: `{ token, seq, scope, ends, life, fresh, sessionEnds, served, answer }`. */
  const held = [];
  /** Waiter → how to settle it. */
  const waiters = new Map();
  /** Mint → how to cancel it. */
  const flights = new Map();
  const { on, emit, clear } = createListeners();

  let core;
  let starting;
  let presence;
  let timer;
  let lastWaiter = 0;
  let state = "unknown";
  let sessionEndsAt;
  let signedOutBecause;
  /** Who signs in at the moment. */
  let entering;
  /** `logout()` was called before the core was there. */
  let leaving = false;
  /** The answer that is just being handed to the core, in case it says `hold`. */
  let arriving;
  /** Why the last mint failed, for `cause`; and per key why it is not allowed. */
  let lastFailure;
  const refusals = [];

  const tabs = createTabs(settings, {
    keys,
    held,
    core: () => core,
    idle: () => presence.idle(),
    offered(seq, offer) {
      arriving = offer;
      core.offered(seq, offer.ends, offer.life, offer.sessionEnds);
      arriving = undefined;
    },
  });

  const host = {
    clock,

    ask: tabs.ask,

    mint(seq, key, idleFor) {
      tabs.mint(seq, key);
      const abort = new AbortController();
      flights.set(seq, abort);
      // Later, since the app's own fetch is none of what may run while the core is on the stack.
      queueMicrotask(async () => minted(seq, key, await requests.mint(keys[key], idleFor, abort.signal)));
    },

    cancel(seq) {
      flights.get(seq)?.abort();
      flights.delete(seq);
      tabs.end(seq);
    },

    hold(key, seq, ends, fresh, sessionEnds) {
      const { token, scope, expiresIn, life = expiresIn * 1000, epoch } = arriving;
      held[key] = { token, seq, scope, ends, life, fresh, sessionEnds, served: false, answer: Promise.resolve(token) };
      sessionEndsAt = sessionEnds;
      tabs.got(seq, key, epoch);
    },

    drop(key) {
      held[key] = undefined;
    },

    answer(waiter, key) {
      waiters.get(waiter)?.resolve(held[key]);
    },

    fail(waiter, problem, retryAfter) {
      const settle = waiters.get(waiter);
      settle?.reject(failure(PROBLEMS[problem], settle.key, retryAfter));
    },

    tell(notice, about, more) {
      const type = NOTICES[notice];
      emit(type, describe[type](about, more));
    },

    announce: (...what) => tabs.announce(entering, ...what),

    timer(after) {
      clock.clearTimeout(timer);
      timer = after > 0 ? clock.setTimeout(() => core?.tick(), Math.min(after, LONGEST_DELAY)) : undefined;
      holdProcess();
    },
  };

  const describe = {
    signedin(key) {
      state = "signedin";
      return { ...describeToken(key), cause: arriving.life ? "peer" : "caller" };
    },
    renewed: (key, cause) => ({ ...describeToken(key), cause: CAUSES[cause] }),
    signedout(reason) {
      state = "signedout";
      sessionEndsAt = undefined;
      signedOutBecause = REASONS[reason];
      return { reason: signedOutBecause };
    },
    degraded: (problem, retryAfter) => ({ code: PROBLEMS[problem], retryAfter: seconds(retryAfter) }),
    recovered: () => ({}),
    ending: (secondsLeft) => ({ secondsLeft, sessionEndsAt }),
  };

  function describeToken(key) {
    const { scope, ends } = held[key];
    return { resource: keys[key].resource, scope, expiresAt: ends, sessionEndsAt };
  }

  /** Hands the end of a mint to the core, unless the core has cancelled it. */
  function minted(seq, key, answer) {
    if (!flights.delete(seq)) return;
    if (answer.token !== undefined) {
      arriving = answer;
      core.minted(seq, answer.expiresIn, answer.sessionExpiresIn);
      arriving = undefined;
      return;
    }
    lastFailure = refusals[key] = answer;
    if (answer.status === undefined) core.unreachable(seq, answer.originRefused);
    else core.refused(seq, answer.status, answer.error === "login_required", answer.retryAfter);
    tabs.end(seq, true);
  }

  function failure(code, key, retryAfter) {
    const why = code === "not_allowed" ? refusals[key] : lastFailure;
    if (code === "origin_refused") return requests.refusedOriginError(why?.cause);
    const refusal = code === "not_allowed" && (why.description ?? why.error ?? `status ${why.status}`);
    return new TokenError(code, {
      message: refusal ? `the sign-in service refuses this request: ${refusal}` : undefined,
      cause: ANSWERED.has(code) ? why?.cause : undefined,
      retryAfter: seconds(retryAfter),
    });
  }

  /** Gives the core; loads it the first time. */
  function ready() {
    starting ??= loadCore().then(
      (createCore) => {
        if (state === "disposed") return;
        core = createCore(host, tabs.open(), tabs.asked());
        presence = watch(settings, core, tabs);
        if (leaving) core.loggedOut();
      },
      (error) => {
        starting = undefined;
        throw error;
      },
    );
    return starting;
  }

  /** A timer alone does not keep a Node process alive; somebody who waits does. */
  function holdProcess() {
    if (waiters.size > 0) timer?.ref?.();
    else timer?.unref?.();
  }

  /** Waits for the core's verdict: `ask(waiter)` puts the question. Gives what is held for the key. */
  function obtain(key, signal, ask) {
    return new Promise((resolve, reject) => {
      if (state === "disposed") throw new TokenError("disposed");
      signal?.throwIfAborted();
      const id = ++lastWaiter;
      const settle = (done) => (value) => {
        waiters.delete(id);
        signal?.removeEventListener("abort", leave);
        holdProcess();
        done(value);
      };
      const waiter = { key, resolve: settle(resolve), reject: settle(reject) };
      const leave = () => {
        waiter.reject(signal.reason);
        core?.abandon(id);
      };
      signal?.addEventListener("abort", leave);
      waiters.set(id, waiter);
      holdProcess();
      if (!starting && key === 0 && tabs.open()) tabs.askEarly();
      ready()
        .then(() => {
          if (!waiters.has(id)) return;
          presence.call?.(clock.now());
          ask(id);
        })
        .catch(waiter.reject);
    });
  }

  /** The number of a (resource, scope) pair. The order of the scopes makes no difference. */
  function keyOf({ resource, scope } = {}) {
    if (resource === undefined && scope === undefined) return 0;
    const scopes = scope && [...new Set(scope.split(/\s+/).filter(Boolean))].sort().join(" ");
    const found = keys.findIndex((key) => key.resource === resource && key.scope === scopes);
    return found >= 0 ? found : keys.push({ resource, scope: scopes }) - 1;
  }

  /** What is held for the key, if it can be served without asking the core: one look at the wall clock. */
  function cached(key) {
    const entry = held[key];
    if (entry === undefined) return undefined;
    const now = clock.now();
    if (now >= entry.fresh) return undefined;
    if (!entry.served) {
      entry.served = true;
      core.served(key);
    }
    presence.call?.(now);
    return entry;
  }

  function acquire(key, signal) {
    return cached(key) ?? obtain(key, signal, (waiter) => core.want(waiter, key));
  }

  const manager = {
    getToken(request) {
      const signal = request?.signal;
      if (signal?.aborted) return Promise.reject(signal.reason);
      const key = keyOf(request);
      return cached(key)?.answer ?? obtain(key, signal, (waiter) => core.want(waiter, key)).then((entry) => entry.token);
    },

    peek(request) {
      const entry = held[keyOf(request)];
      return entry !== undefined && clock.now() < entry.ends ? entry.token : undefined;
    },

    fetch: fetchWithToken(settings, {
      acquire: async (api, signal) => {
        const key = keyOf(api);
        return { key, ...(await acquire(key, signal)) };
      },
      renew: ({ key, seq }, signal) => obtain(key, signal, (waiter) => core.rejected(waiter, key, seq)),
    }),

    async login(credentials) {
      if (state === "disposed") throw new TokenError("disposed");
      const { signal } = credentials;
      // First, so that no session is opened that this page could not use.
      await ready();
      const user = await requests.login(credentials, signal);
      entering = user?.id;
      try {
        await obtain(0, signal, (waiter) => core.loggedIn(waiter, 0));
      } catch (error) {
        if (error.code !== "signed_out" || signedOutBecause === "logout") throw error;
        throw new TokenError("cookie_not_stored", { cause: error });
      }
      return { user };
    },

    async logout() {
      if (state === "disposed") throw new TokenError("disposed");
      if (core) core.loggedOut();
      else {
        leaving = true;
        state = "signedout";
        ready().catch(() => {});
      }
      await requests.logout();
    },

    on,

    get state() {
      return state;
    },

    dispose() {
      if (state === "disposed") return;
      state = "disposed";
      clear();
      presence?.stop();
      tabs.close();
      core?.dispose();
      core?.free();
      core = undefined;
      held.length = 0;
      for (const waiter of waiters.values()) waiter.reject(new TokenError("disposed"));
    },
  };
  manager[Symbol.dispose ?? Symbol.for("Symbol.dispose")] = manager.dispose;
  return Object.freeze(manager);
}

/** Whole seconds, rounded up; undefined for none. */
function seconds(millis) {
  return millis > 0 ? Math.ceil(millis / 1000) : undefined;
}
