// `sessionmint/testing`: the service that it plays keeps the contract, faults come as they were said, and time is in hand.
import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { createFakeIam, createTestAuth, createVirtualClock } from "../pkg/testing.js";
import { codeOf } from "./support.mjs";

const API = "https://api.example.com";
let made = [];

afterEach(() => {
  for (const { dispose } of made) dispose();
  made = [];
});

function create(options) {
  made.push(createTestAuth(options));
  return made.at(-1);
}

/** What becomes of a call that may have to wait by the clock. */
async function outcome(clock, promise, millis = 11_000) {
  const settled = codeOf(promise);
  await clock.pass(millis);
  return settled;
}

const claims = (token) => JSON.parse(Buffer.from(token.split(".")[1], "base64url"));

test("somebody is signed in, and tokens look like the service's", async () => {
  const { auth, clock } = create();
  const token = await auth.getToken({ resource: "urn:r", scope: "a b" });
  const [header, , signature] = token.split(".");
  assert.deepEqual(JSON.parse(Buffer.from(header, "base64url")), { alg: "ES256", typ: "at+jwt", kid: "fake" });
  assert.equal(signature.length, 86);
  const iat = clock.now() / 1000;
  assert.deepEqual(claims(token), {
    iss: `${API}/iam`,
    sub: "usr_1",
    aud: "urn:r",
    exp: iat + 300,
    iat,
    jti: "tok_1",
    client_id: "app",
    sid: "ses_1",
    auth_time: iat,
    scope: "a b",
  });
});

test("names in any script are in the token as they are", async () => {
  const { auth, iam } = create({ user: { id: "usr_ß", username: "Зоя" }, clientId: "приложение" });
  const { sub, client_id } = claims(await auth.getToken());
  assert.deepEqual([sub, client_id, iam.user.username], ["usr_ß", "приложение", "Зоя"]);
});

for (const [name, fault, code, millis] of [
  ["no answer", "hang", "timeout", 11_000],
  ["no network", "network", "network", 11_000],
  ["an answer of 500", { status: 500 }, "unavailable", 11_000],
  ["a pause of an hour", { status: 429, retryAfter: 3600 }, "throttled", 0],
  ["a refusal", { status: 400, error: "invalid_scope" }, "not_allowed", 0],
  ["the end of the session", "session_ended", "signed_out", 0],
  ["an answer that is none", { body: "<html>" }, "unavailable", 11_000],
  ["a refusal, late", { delay: 2_000, status: 400 }, "not_allowed", 2_000],
  ["no network, late", { delay: 2_000, fail: "network" }, "network", 11_000],
]) {
  test(`a mint can meet ${name}`, async () => {
    const { auth, iam, clock } = create();
    iam.mint.always(fault);
    assert.equal(await outcome(clock, auth.getToken(), millis), code);
    assert.equal(iam.user === undefined, code === "signed_out");
  });
}

test("in a page, no network and a refused origin are told apart", async () => {
  globalThis.location = { origin: "https://ui.example.com", href: "https://ui.example.com/" };
  try {
    for (const [fault, code] of [
      ["origin_refused", "origin_refused"],
      ["network", "network"],
    ]) {
      const { auth, iam, clock } = create();
      iam.mint.always(fault);
      assert.equal(await outcome(clock, auth.getToken()), code);
      assert.ok(iam.requests.some(({ url }) => url.endsWith("/jwks.json")));
    }
  } finally {
    delete globalThis.location;
  }
});

test("faults come one each, in their order, before what is said for all", async () => {
  const { auth, iam, clock } = create();
  iam.mint.always({ expiresIn: 60 });
  iam.mint.next({ status: 400, error: "invalid_target" }, undefined, (request, count) => ({ expiresIn: request.body.length + count * 1_000 }));
  assert.equal(await codeOf(auth.getToken({ resource: "a" })), "not_allowed");
  const lives = async (resource) => claims(await auth.getToken({ resource })).exp - clock.now() / 1000;
  assert.equal(await lives("b"), 300, "nothing befell this one");
  assert.ok((await lives("c")) > 3_000);
  assert.equal(await lives("d"), 60);
  assert.equal(iam.mint.count, 4);
});

test("a late answer takes as long as was said", async () => {
  const { auth, iam, clock } = create();
  iam.mint.next({ delay: 2_000 });
  let token;
  auth.getToken().then((value) => (token = value));
  await clock.pass(1_999);
  assert.equal(token, undefined);
  await clock.pass(1);
  assert.ok(token);
});

test("a short token is renewed as time passes, while somebody asks", async () => {
  const { auth, iam, clock } = create();
  iam.mint.always({ expiresIn: 5 });
  for (let second = 0; second < 20; second++) {
    await auth.getToken();
    await clock.pass(1_000);
  }
  assert.ok(iam.mint.count >= 4 && iam.mint.count <= 7, `${iam.mint.count}`);
});

test("sign-in and sign-out can be scripted, and passwords be wrong", async () => {
  const { auth, iam, clock } = create({ user: null, passwords: { bob: "correct horse" } });
  assert.equal(await codeOf(auth.getToken()), "signed_out");
  for (const [username, password] of [
    ["bob", "wrong"],
    ["mallory", "correct horse"],
    ["toString", "x"],
  ]) {
    assert.equal(await codeOf(auth.login({ username, password })), "invalid_credentials");
  }
  iam.login.next({ status: 429, retryAfter: 30 }, "network");
  const bob = { username: "bob", password: "correct horse" };
  assert.equal(await codeOf(auth.login(bob)), "throttled");
  assert.equal(await codeOf(auth.login(bob)), "network");
  const { user } = await auth.login(bob);
  assert.deepEqual(user, { id: "usr_2", username: "bob" });
  assert.deepEqual(iam.user, user);
  iam.logout.next({ status: 503 });
  assert.equal(await outcome(clock, auth.logout()), "unavailable");
  assert.deepEqual(iam.user, user, "the service knows nothing of it");
  await auth.logout();
  assert.equal(iam.user, undefined);
});

test("a session ends at its absolute end, and its last token with it", async () => {
  const { auth, iam, clock } = create({ sessionLifetime: 400 });
  const events = [];
  auth.on("ending", ({ secondsLeft }) => events.push(secondsLeft));
  await auth.getToken();
  await clock.pass(200_000);
  iam.refuseTokens();
  await auth.fetch(`${API}/notes`);
  assert.equal(claims(auth.peek()).exp, claims(auth.peek()).auth_time + 400);
  await clock.pass(196_000);
  assert.deepEqual(events, [120]);
  assert.equal(await outcome(clock, auth.getToken({ resource: "r" }), 0), "signed_out");
});

test("a session without input or calls ends, whatever renews in the background", async () => {
  const { auth, iam, clock } = create({ idleLifetime: 600 });
  await auth.getToken();
  await clock.pass(590_000);
  await auth.getToken();
  assert.ok(iam.user);
  await clock.pass(601_000);
  assert.equal(iam.user, undefined);
  assert.equal(await codeOf(auth.getToken()), "signed_out");
});

test("the app's APIs are behind the same fetch: a good token opens them, an old or withdrawn one does not", async () => {
  const { auth, iam, clock } = create();
  assert.equal((await auth.fetch(`${API}/notes`)).status, 200);
  assert.equal((await auth.fetch("https://elsewhere.example/")).status, 401, "no token, no entrance");
  const old = auth.peek();
  iam.refuseTokens();
  assert.equal((await auth.fetch(`${API}/notes`)).status, 200, "renewed");
  assert.equal(iam.mint.count, 2);
  const call = (token) => iam.fetch(`${API}/notes`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal((await call(old)).status, 401);
  assert.equal((await call(auth.peek())).status, 200);
  clock.jump(300_000);
  assert.equal((await call(await auth.getToken())).status, 200);
  const seen = iam.requests.filter(({ url }) => url.startsWith("https://elsewhere"));
  assert.deepEqual(seen.map(({ headers }) => headers.authorization), [undefined]);
});

test("an app's own API knows who asks", async () => {
  const api = async (request, bearer) => Response.json({ who: bearer?.user.username, scope: bearer?.claims.scope, said: await request.text() });
  const { auth } = create({ api, apis: [{ url: API, scope: "notes" }] });
  const answer = await auth.fetch(`${API}/notes`, { method: "POST", body: "a note" });
  assert.deepEqual(await answer.json(), { who: "alice", scope: "notes", said: "a note" });
});

test("the signed-in user is at /userinfo", async () => {
  const { auth, iam } = create();
  const answer = await auth.fetch(`${iam.url}/userinfo`);
  assert.deepEqual(await answer.json(), { sub: "usr_1", preferred_username: "alice" });
  assert.equal((await iam.fetch(`${iam.url}/userinfo`)).status, 401);
  assert.equal((await iam.fetch(`${iam.url}/nowhere`)).status, 404);
});

test("what the contract forbids is refused", async () => {
  const { iam } = create();
  const mint = async (body) => (await iam.fetch(`${iam.url}/oauth/token`, { method: "POST", body: new URLSearchParams(body) })).status;
  assert.equal(await mint({ grant_type: "session" }), 200);
  assert.equal(await mint({ grant_type: "password" }), 400);
  assert.equal(await mint({ grant_type: "session", idle_for: "-1" }), 400);
});

test("another tab signs in, and the service ends the session", async () => {
  const { auth, iam, clock } = create({ user: null });
  assert.equal(await codeOf(auth.getToken()), "signed_out");
  iam.signIn({ id: "usr_9", username: "carol" });
  await clock.pass(2_000);
  assert.equal(claims(await auth.getToken()).sub, "usr_9");
  iam.endSession();
  await clock.pass(300_000);
  assert.equal(await codeOf(auth.getToken()), "signed_out");
});

test("an aborted request rejects with its reason, and what hangs keeps nobody waiting", async () => {
  const iam = createFakeIam();
  iam.mint.always("hang");
  const abort = new AbortController();
  const request = { method: "POST", body: new URLSearchParams({ grant_type: "session" }), signal: abort.signal };
  const hanging = iam.fetch(`${iam.url}/oauth/token`, request).catch((error) => error);
  await new Promise(setImmediate);
  assert.equal(iam.underWay, 0);
  abort.abort(new Error("left"));
  assert.equal((await hanging).message, "left");
  assert.equal((await iam.fetch(iam.url, request).catch((error) => error)).message, "left");
});

test("a mistake in a script is told where it is made", () => {
  const iam = createFakeIam();
  assert.throws(() => iam.mint.next("explode"), { name: "TypeError", message: /"explode".*hang/ });
  assert.throws(() => iam.login.always({ fail: "nothing" }), TypeError);
});

test("the clock: timers fire in order, in time, and not once they are cleared", async () => {
  const clock = createVirtualClock({ now: new Date("2027-03-01T00:00:00Z") });
  const fired = [];
  const at = (name) => () => fired.push([name, clock.now() - Date.UTC(2027, 2, 1), clock.monotonic()]);
  const start = clock.monotonic();
  clock.setTimeout(at("late"), 300);
  clock.setTimeout(at("first of two"), 100);
  clock.setTimeout(at("second of two"), 100);
  clock.clearTimeout(clock.setTimeout(at("never"), 50));
  clock.clearTimeout("no timer");
  clock.setTimeout(() => Promise.resolve().then(() => clock.setTimeout(at("then"), 50)), 200);
  assert.equal(clock.pending, 4);
  await clock.pass(250);
  clock.jump(-1_000);
  clock.tick(50);
  assert.deepEqual(fired, [
    ["first of two", 100, start + 100],
    ["second of two", 100, start + 100],
    ["then", 250, start + 250],
    ["late", -700, start + 300],
  ]);
  assert.equal(clock.pending, 0);
});

test("nothing of the manager's outlives it", async () => {
  const { auth, clock, dispose } = create();
  await auth.getToken();
  assert.ok(clock.pending > 0);
  dispose();
  assert.equal(clock.pending, 0);
  assert.equal(auth.state, "disposed");
  create()[Symbol.dispose ?? Symbol.for("Symbol.dispose")]();
});
