// The session that all adapters are made of: what it knows when, and what it forgets. In frameworks: tests/adapters.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { createSession } from "../pkg/session.js";
import { createTestAuth } from "../pkg/testing.js";

const BOB = { username: "bob", password: "x" };
let auth, iam, clock, settled, dispose, seen;

beforeEach(() => start());
afterEach(() => dispose());

function start(options) {
  dispose?.();
  ({ auth, iam, clock, settled, dispose } = createTestAuth(options));
  seen = [];
}

const listen = (session) => session.subscribe(({ status, user, error }) => seen.push([status, user?.username, error?.code]));

test("a subscriber is told at once, and later only of changes", async () => {
  const session = createSession(auth, { ask: true });
  const off = listen(session);
  assert.deepEqual(seen, [["unknown", undefined, undefined]]);
  await settled();
  for (let round = 0; round < 3; round++) {
    await clock.pass(300_000);
    await auth.getToken();
  }
  assert.equal(iam.mint.count, 4);
  assert.deepEqual(seen.slice(1), [["signedin", undefined, undefined]]);
  assert.equal(session.value, session.value);
  off();
  off();
  iam.endSession();
  await clock.pass(300_000);
  await auth.getToken().catch(() => {});
  assert.equal(seen.length, 2);
});

test("on a server nothing is asked", async () => {
  listen(createSession(auth))();
  await settled();
  assert.equal(iam.mint.count, 0);
});

test("who signs in through it is known, before anybody is subscribed too", async () => {
  const session = createSession(auth);
  await session.login(BOB);
  assert.deepEqual(session.value, { status: "signedin", user: { id: "usr_2", username: "bob" }, error: undefined });
  listen(session);
  assert.deepEqual(seen, [["signedin", "bob", undefined]]);
});

test("a page that gives way to the next one takes no knowledge along", async () => {
  const session = createSession(auth);
  const one = listen(session);
  await session.login(BOB);
  one();
  const two = listen(session);
  await settled();
  assert.equal(session.value.user.username, "bob");
  two();
  await settled();
  // While nobody looked, somebody else may have come.
  assert.equal(session.value.user, undefined);
  assert.equal(session.value.status, "signedin");
});

test("an answer of `loadUser` that comes after sign-out is dropped", async () => {
  let answer;
  const session = createSession(auth, { ask: true, loadUser: () => new Promise((resolve) => (answer = resolve)) });
  listen(session);
  await settled();
  await session.logout();
  answer({ id: "usr_1", username: "alice" });
  await settled();
  assert.equal(session.value.user, undefined);
  assert.deepEqual(seen.at(-1), ["signedout", undefined, undefined]);
  assert.ok(!seen.flat().includes("alice"));
});

test("of two answers of `loadUser` the later one's counts, in whatever order they come", async () => {
  const answers = [];
  const session = createSession(auth, { ask: true, loadUser: () => new Promise((resolve) => answers.push(resolve)) });
  listen(session);
  await settled();
  const login = session.login(BOB);
  await settled();
  answers[1]({ username: "bob" });
  await login;
  answers[0]({ username: "alice" });
  await settled();
  assert.equal(session.value.user.username, "bob");
});

test("a sign-in that fails is the caller's, and changes nothing", async () => {
  const session = createSession(auth, { ask: true, loadUser: async () => ({ username: "alice" }) });
  listen(session);
  await settled();
  iam.login.next({ status: 401 });
  await assert.rejects(session.login(BOB), { code: "invalid_credentials" });
  assert.deepEqual(seen.at(-1), ["signedin", "alice", undefined]);
});

test("a sign-out that does not reach the service rejects, and nobody is signed in", async () => {
  const session = createSession(auth, { ask: true, loadUser: async () => ({ username: "alice" }) });
  listen(session);
  await settled();
  iam.logout.next("network");
  await assert.rejects(session.logout(), { code: "network" });
  assert.deepEqual(seen.at(-1), ["signedout", undefined, undefined]);
});

test("a permanent refusal of the first mint is told", async () => {
  iam.mint.always({ status: 400, error: "unauthorized_client" });
  const session = createSession(auth, { ask: true });
  listen(session);
  await settled();
  assert.deepEqual(seen.at(-1), ["unknown", undefined, "not_allowed"]);
  assert.equal(session.value.error.temporary, false);
  iam.mint.always(undefined);
  await clock.pass(60_000);
  await session.check();
  assert.deepEqual(seen.at(-1), ["signedin", undefined, undefined]);
});

test("a subscriber may leave, and another come, while they are told", async () => {
  const session = createSession(auth, { ask: true });
  const heard = [];
  const off = session.subscribe(({ status }) => {
    heard.push(`one ${status}`);
    if (status !== "signedin") return;
    off();
    session.subscribe(({ status }) => heard.push(`two ${status}`));
  });
  await settled();
  assert.deepEqual(heard, ["one unknown", "one signedin", "two signedin"]);
});
