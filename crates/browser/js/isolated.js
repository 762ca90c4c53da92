// The entry that keeps token and API calls in a worker: this is the page's half, which never has a token.
//
// It says to the worker what the app calls and whether somebody is there, and tells the app what the worker answers.
import { read } from "./authorized-fetch.js";
import { TokenError } from "./errors.js";
import { createListeners } from "./listeners.js";
import { readOptions } from "./options.js";
import { watchPresence } from "./presence.js";
import { createRequests } from "./requests.js";
import { packRequest, unpackError, unpackResponse } from "./wire.js";

export { TokenError } from "./errors.js";

/** What `watchPresence` reports to. */
const SIGNS = ["input", "returned", "suspended", "online", "open", "close"];

export function createTokenManager(options) {
  const settings = readOptions(options);
  const { isolate, worker: makeWorker = newWorker, fetch, clock, iam, apis, clientId, ...others } = options;
  if (isolate !== "worker") throw new TypeError('`isolate` must be "worker"');
  if (fetch || clock) throw new TypeError("`fetch` and `clock` cannot be given to a worker");
  const shared = { ...others, iam: String(iam), apis: apis?.map(address), clientId };
  const requests = createRequests(settings);

  const { on, emit, clear } = createListeners();
  /** Call → how to settle it: `{ resolve, reject, over }`. */
  const calls = new Map();
  let worker;
  let presence;
  let state = "unknown";
  /** Signed out here, whatever the worker said before it heard of it. */
  let leaving = false;
  let lastCall = 0;

  const post = (message) => worker?.postMessage(message);
  const signs = Object.fromEntries(SIGNS.map((sign) => [sign, () => post({ sign })]));

  function start() {
    if (worker) return;
    worker = makeWorker();
    let loaded = false;
    worker.onmessage = ({ data }) => {
      loaded = true;
      receive(data);
    };
    // Once it runs, an error in it is its own.
    worker.onerror = (event) => loaded || failed(event);
    post({ create: shared });
    presence = watchPresence(settings, signs, signs);
  }

  function receive({ id, value, error, over, type, event, now }) {
    if (state === "disposed") return;
    if (now && !leaving) state = now;
    if (type) emit(type, event);
    const call = calls.get(id);
    if (error) call?.reject(unpackError(error));
    else if (value) call?.resolve(value);
    if (over) call?.over();
  }

  /** The worker's script did not load: who waits is told, and the next call tries again. */
  function failed(cause) {
    presence?.stop();
    worker?.terminate();
    worker = undefined;
    const message = "the worker could not be started: its script, or worker-src of the page's content security policy";
    for (const { reject } of calls.values()) reject(new TokenError("worker_failed", { message, cause }));
    calls.clear();
  }

  function call(what, argument, signal) {
    return new Promise((resolve, reject) => {
      if (state === "disposed") throw new TokenError("disposed");
      signal?.throwIfAborted();
      const id = ++lastCall;
      const over = () => {
        calls.delete(id);
        signal?.removeEventListener("abort", leave);
      };
      const leave = () => {
        post({ abort: id });
        reject(signal.reason);
      };
      signal?.addEventListener("abort", leave);
      calls.set(id, { resolve, reject, over });
      try {
        start();
        presence.call?.(settings.clock.now());
        post({ id, what, argument });
      } catch (error) {
        failed(error);
      }
    });
  }

  const manager = {
    async fetch(input, init) {
      if (!read(settings.apis, input, init).api) return settings.fetch(input, init);
      const request = new Request(input, init);
      const answer = await call("fetch", await packRequest(request, init?.body), init?.signal ?? input?.signal);
      return unpackResponse(answer);
    },

    login({ signal, ...credentials }) {
      return call("login", credentials, signal);
    },

    async logout() {
      if (state === "disposed") throw new TokenError("disposed");
      const told = call("logout");
      state = "signedout";
      leaving = true;
      // From here as well: the worker's request does not outlive a page that is left at once.
      const [here, there] = await Promise.allSettled([requests.logout(), told]);
      leaving = false;
      if (here.reason && there.reason) throw here.reason;
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
      post({ dispose: true });
      for (const { reject } of calls.values()) reject(new TokenError("disposed"));
      calls.clear();
    },
  };
  manager[Symbol.dispose ?? Symbol.for("Symbol.dispose")] = manager.dispose;
  return Object.freeze(manager);
}

function newWorker() {
  return new Worker(new URL("./isolated-worker.js", import.meta.url), { type: "module" });
}

/** An entry of `apis` as data that can be cloned. */
function address(entry) {
  return typeof entry === "string" || entry instanceof URL ? String(entry) : { ...entry, url: String(entry.url) };
}
