// The fake service of `sessionmint/testing` and an API on one port of this machine, and what tests need besides.
import { execFile } from "node:child_process";
import http from "node:http";
import { promisify } from "node:util";
import { bodyOf, forward } from "../../../tests/harness/forward.mjs";
import { createFakeIam } from "../pkg/testing.js";

/** What `login`, `logout` and `answer` leave open. */
const nothing = () => undefined;

/**
 * Starts the service. `answer(request, count)`, `login(request)` and `logout(request)` may give a fault for a mint, a
 * sign-in, a sign-out. The tokens are `token-1`, `token-2`, … `api(request, response)` answers everything outside `/iam`.
 */
export async function startService() {
  const service = {
    seen: [],
    answer: nothing,
    login: nothing,
    logout: nothing,
    api: (_request, response) => response.end("ok"),
    expiresIn: 300,
    sessionExpiresIn: 86_400,
    get mints() {
      return service.count("/iam/oauth/token");
    },
    count: (url) => service.seen.filter((request) => request.url === url).length,
  };
  const server = http.createServer(async (request, response) => {
    const { method, url, headers } = request;
    const seen = { method, url, headers, body: await bodyOf(request) };
    service.seen.push(seen);
    if (!url.startsWith("/iam/")) return service.api(seen, response);
    await forward(iam.fetch, service.origin + url, seen, response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  service.origin = `http://127.0.0.1:${server.address().port}`;
  service.iam = `${service.origin}/iam`;
  const iam = createFakeIam({ iam: service.iam, scope: "notes:read", token: (_claims, count) => `token-${count}` });
  iam.mint.always(async (request, count) => {
    const { expiresIn, sessionExpiresIn } = service;
    return (await service.answer(request, count)) ?? { expiresIn, sessionExpiresIn };
  });
  iam.login.always((request) => service.login(request));
  iam.logout.always((request) => service.logout(request));
  service.stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return service;
}

/** Where `initSync` is that gives what the machine exports: its bindings, or what stands in for them without WebAssembly. */
export const machine = new URL(`../pkg/${globalThis.WebAssembly ? "bindings" : "fallback"}.js`, import.meta.url);

/** The bytes that the machine of `initSync` works with; it has to be loaded already. */
export function memoryOf(initSync) {
  return Object.values(initSync()).find((value) => value.buffer instanceof ArrayBuffer).buffer;
}

/** The address of a file of the package, as a string literal for `script`. */
export const pkg = (name) => JSON.stringify(new URL(`../pkg/${name}`, import.meta.url));

/** Runs a script with the package in a process of its own, which must end by itself; gives what it printed. */
export async function script(source, iam = "https://api.example.com/iam") {
  const text = `import { createTokenManager } from ${pkg("index.js")}; const iam = ${JSON.stringify(iam)}; ${source}`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", text], { timeout: 20_000 });
  return stdout.trim();
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
  const browser = { held, named: [], locks: { request } };

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
