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
