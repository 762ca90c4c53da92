// Signing in and out, and being told.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { createTokenManager } from "../pkg/index.js";
import { createVirtualClock } from "../pkg/testing.js";
import { codeOf, startService, until } from "./support.mjs";

const alice = { username: "alice", password: "correct horse" };
let service, auth;

beforeEach(async () => {
  service = await startService();
  auth = createTokenManager({ iam: service.iam });
});

afterEach(async () => {
  auth.dispose();
  await service.stop();
});

const unauthenticated = () => ({ status: 401, body: { error: "login_required" } });

test("login sends JSON and resolves after a token was minted", async () => {
  const events = [];
  auth.on("signedin", () => events.push("signedin"));
  assert.deepEqual(await auth.login({ ...alice, staySignedIn: true }), { user: { id: "usr_1", username: "alice" } });
  const [login, mint] = service.seen;
  assert.equal(login.headers["content-type"], "application/json");
  assert.deepEqual(JSON.parse(login.body), { ...alice, stay_signed_in: true });
  assert.equal(mint.url, "/iam/oauth/token");
  assert.equal(auth.peek(), "token-1");
  assert.equal(auth.state, "signedin");
  assert.deepEqual(events, ["signedin"]);
});

test("a login whose cookie the browser did not keep is told as such", async () => {
  service.answer = unauthenticated;
  const error = await auth.login(alice).catch((error) => error);
  assert.equal(error.code, "cookie_not_stored");
  assert.equal(error.temporary, false);
  assert.equal(auth.state, "signedout");
});

for (const [answer, code, more] of [
  [{ status: 401, body: { title: "wrong" } }, "invalid_credentials", {}],
  [{ status: 429, headers: { "retry-after": "30" }, body: { detail: "too many tries" } }, "throttled", { retryAfter: 30 }],
  [{ status: 403, body: { detail: "not from here" } }, "not_allowed", { message: "not from here" }],
  [{ status: 503, body: "" }, "unavailable", { temporary: true }],
  ["network", "network", { temporary: true }],
]) {
  test(`a login that fails with ${answer.status ?? "a broken connection"} is ${code} and mints nothing`, async () => {
    service.login = () => answer;
    const error = await auth.login(alice).catch((error) => error);
    assert.equal(error.code, code);
    for (const [name, value] of Object.entries(more)) assert.equal(error[name], value);
    assert.equal(service.mints, 0);
    assert.equal(auth.state, "unknown");
  });
}

test("a failed login leaves the session of before alone", async () => {
  await auth.getToken();
  service.login = () => ({ status: 401, body: {} });
  assert.equal(await codeOf(auth.login(alice)), "invalid_credentials");
  assert.equal(auth.peek(), "token-1");
});

test("a login can be aborted and times out", async () => {
  service.login = () => "hang";
  const abort = new AbortController();
  const login = auth.login({ ...alice, signal: abort.signal }).catch((error) => error);
  await until(() => service.seen.length === 1);
  abort.abort(new Error("never mind"));
  assert.equal((await login).message, "never mind");

  const clock = createVirtualClock();
  auth.dispose();
  auth = createTokenManager({ iam: service.iam, clock });
  const slow = codeOf(auth.login(alice));
  await until(() => service.seen.length === 2);
  clock.tick(30_000);
  assert.equal(await slow, "timeout");
});

test("c140_after_login_as_another_user_the_token_of_before_is_gone", async () => {
  await auth.getToken();
  await auth.getToken({ resource: "r" });
  let release;
  service.answer = () => (release ? undefined : new Promise((resolve) => (release = resolve)));
  const waiting = codeOf(auth.getToken({ resource: "s" }));
  await until(() => release);
  await auth.login({ username: "bob", password: "x" });
  assert.equal(await waiting, "signed_out", "who waited for the old user's token gets none");
  assert.equal(auth.peek(), "token-3");
  assert.equal(auth.peek({ resource: "r" }), undefined);
  release();
  assert.equal(auth.peek({ resource: "s" }), undefined);
});

test("logout drops the token at once and tells the service", async () => {
  await auth.getToken();
  const reasons = [];
  auth.on("signedout", ({ reason }) => reasons.push(reason));
  const done = auth.logout();
  assert.equal(auth.peek(), undefined, "before anything was awaited");
  assert.equal(auth.state, "signedout");
  await done;
  assert.equal(service.count("/iam/logout"), 1);
  assert.equal(service.seen.at(-1).headers["content-type"], undefined);
  assert.deepEqual(reasons, ["logout"]);
  await auth.logout();
  assert.deepEqual(reasons, ["logout"], "told once");
});

test("a logout that does not reach the service rejects and stays signed out here", async () => {
  await auth.getToken();
  service.logout = () => "network";
  assert.equal(await codeOf(auth.logout()), "network");
  assert.equal(auth.peek(), undefined);
  assert.equal(await codeOf(auth.getToken()), "signed_out", "although the cookie would still work");
  assert.equal(service.mints, 1);
  service.logout = () => ({ status: 503, body: "" });
  assert.equal(await codeOf(auth.logout()), "unavailable");
  service.logout = () => ({ status: 204, body: "" });
  await auth.logout();
  await auth.login(alice);
  assert.equal(auth.state, "signedin");
});

test("a logout before the first use counts for what follows", async () => {
  const leaving = auth.logout();
  const waiting = codeOf(auth.getToken());
  await leaving;
  assert.equal(await waiting, "signed_out");
  assert.equal(service.mints, 0);
});

test("a logout during a login wins", async () => {
  service.answer = () => "hang";
  const login = codeOf(auth.login(alice));
  await until(() => service.mints === 1);
  await auth.logout();
  assert.equal(await login, "signed_out");
});

test("a listener can leave, may be added twice, and disposes of nothing by throwing", async () => {
  const heard = [];
  const listener = () => heard.push("one");
  const off = auth.on("signedin", listener);
  auth.on("signedin", listener);
  off();
  off();
  const never = auth.on("signedin", () => heard.push("never"));
  auth.on("signedin", () => {
    never();
    throw new Error("a listener's own mistake");
  });
  const earlier = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  const uncaught = new Promise((resolve) => process.once("uncaughtException", resolve));
  auth.on("signedin", () => heard.push("last"));
  try {
    await auth.getToken();
    assert.equal((await uncaught).message, "a listener's own mistake");
  } finally {
    for (const one of earlier) process.on("uncaughtException", one);
  }
  assert.deepEqual(heard, ["one", "never", "last"]);
});

test("an origin that the service does not allow is told what to configure, and the look is not repeated", async () => {
  // What a browser's CORS does: the refusal cannot be read, the public keys can.
  const asked = [];
  globalThis.location = { origin: "https://ui.example.com", href: "https://ui.example.com/" };
  try {
    auth.dispose();
    auth = createTokenManager({
      iam: service.iam,
      fetch: async (url) => {
        asked.push(new URL(url).pathname);
        if (url.endsWith("jwks.json")) return new Response("{}");
        throw new TypeError("Failed to fetch");
      },
    });
    const error = await auth.getToken().catch((error) => error);
    assert.equal(error.code, "origin_refused");
    assert.match(error.message, /https:\/\/ui\.example\.com/);
    assert.equal(error.cause.message, "Failed to fetch");
    assert.equal(auth.state, "unknown");
    assert.equal(await codeOf(auth.login(alice)), "origin_refused");
    assert.equal(asked.filter((path) => path.endsWith("jwks.json")).length, 1);
  } finally {
    delete globalThis.location;
  }
});
