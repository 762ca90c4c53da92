// A sign-in service and an API on one port of this machine, and a clock that tests move.
import http from "node:http";

/**
 * Starts the service. `answer(request, count)` may give `{ status, headers, body }` for a mint, `"hang"` or `"refuse"`; what it
 * leaves open is a fresh token. `api(request, response)` answers everything outside `/iam`.
 */
export async function startService() {
  const service = {
    seen: [],
    answer: () => undefined,
    login: () => ({ status: 200, body: { user: { id: "usr_1", username: "alice" } } }),
    logout: () => ({ status: 204, body: "" }),
    api: (_request, response) => response.end("ok"),
    expiresIn: 300,
    sessionExpiresIn: 86_400,
    get mints() {
      return service.seen.filter((request) => request.url === "/iam/oauth/token").length;
    },
    count: (url) => service.seen.filter((request) => request.url === url).length,
  };
  let last = 0;
  const token = () => ({
    access_token: `token-${++last}`,
    token_type: "Bearer",
    expires_in: service.expiresIn,
    scope: "notes:read",
    session_expires_in: service.sessionExpiresIn,
  });
  const server = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const seen = { method: request.method, url: request.url, headers: request.headers, body: Buffer.concat(chunks).toString() };
    service.seen.push(seen);
    if (!request.url.startsWith("/iam/")) return service.api(seen, response);
    const special = { "/iam/passwordlogin": service.login, "/iam/logout": service.logout }[request.url];
    const answer = await (special ? special(seen) : service.answer(seen, service.mints));
    if (answer === "hang") return;
    if (answer === "refuse") return request.socket.destroy();
    const { status = 200, headers = {}, body = token() } = answer ?? {};
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  service.origin = `http://127.0.0.1:${server.address().port}`;
  service.iam = `${service.origin}/iam`;
  service.stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return service;
}

/** Two clocks and the timers on them. */
export class VirtualClock {
  #wall = 1_800_000_000_000;
  #mono = 5_000;
  #timers = new Map();
  #last = 0;

  now = () => this.#wall;
  monotonic = () => this.#mono;
  setTimeout = (callback, delay) => {
    this.#timers.set(++this.#last, { at: this.#mono + delay, callback });
    return this.#last;
  };
  clearTimeout = (timer) => void this.#timers.delete(timer);

  /** Sets the time of day without time passing. */
  jump(millis) {
    this.#wall += millis;
  }

  /** Lets time pass and fires what is due on the way. */
  pass(millis) {
    const end = this.#mono + millis;
    for (;;) {
      const due = [...this.#timers].filter(([, timer]) => timer.at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      const [id, { at, callback }] = due;
      this.#timers.delete(id);
      this.#move(Math.max(0, at - this.#mono));
      callback();
    }
    this.#move(end - this.#mono);
  }

  get pending() {
    return this.#timers.size;
  }

  #move(millis) {
    this.#mono += millis;
    this.#wall += millis;
  }
}

/** Waits for something that another side of a socket does. */
export async function until(condition) {
  const end = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`it did not happen within 10 s: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** The code with which a promise is rejected. */
export function codeOf(promise) {
  return promise.then(
    (value) => `resolved with ${value}`,
    (error) => error.code ?? error.name,
  );
}

/**
 * Makes this process look like pages of one browser to the package: a secure context, an origin, Web Locks. `held` has
 * the names of locks that somebody holds, `named` all that were ever asked for; `locks` may be set to something else.
 */
export function pagesOfOneBrowser() {
  const before = Object.getOwnPropertyDescriptors(globalThis);
  const held = new Map();
  const browser = { held, named: [], locks: { request, query } };

  async function query() {
    // As in a browser the answer comes later, in the order of the requests.
    await new Promise(setImmediate);
    return { pending: [...held].flatMap(([name, { queue }]) => queue.map(() => ({ name }))) };
  }

  function request(name, { signal }, callback) {
    browser.named.push(name);
    return new Promise((resolve, reject) => {
      const entry = { grant };
      function grant() {
        held.get(name).holder = entry;
        Promise.resolve(callback({ name })).finally(next).then(resolve, reject);
      }
      function next() {
        const { queue } = held.get(name);
        if (queue.length === 0) held.delete(name);
        else queue.shift().grant();
      }
      // As in a browser the decision comes later, never from within the call.
      setImmediate(() => {
        if (signal?.aborted) return reject(signal.reason);
        if (!held.has(name)) {
          held.set(name, { queue: [] });
          return grant();
        }
        const { queue } = held.get(name);
        queue.push(entry);
        signal?.addEventListener("abort", () => {
          const place = queue.indexOf(entry);
          if (place < 0) return;
          queue.splice(place, 1);
          reject(signal.reason);
        });
      });
    });
  }

  const page = {
    isSecureContext: { value: true, writable: true, configurable: true },
    origin: { value: "", writable: true, configurable: true },
    navigator: { value: { get locks() { return browser.locks; } }, configurable: true },
  };
  Object.defineProperties(globalThis, page);
  browser.restore = () => {
    for (const name of Object.keys(page)) {
      if (before[name]) Object.defineProperty(globalThis, name, before[name]);
      else delete globalThis[name];
    }
  };
  return browser;
}
