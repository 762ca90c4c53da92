// The first mint of a page: sent before the core is there, if no other tab can have the token.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { createTokenManager } from "../pkg/index.js";
import { compile } from "../pkg/inlined.js";
import { loader } from "../pkg/loader.js";
import { createManager } from "../pkg/manager.js";
import { codeOf, pagesOfOneBrowser, startService, until } from "./support.mjs";

const load = loader(compile, () => import("../pkg/fallback.js"));
let browser, service, gate, opened;

beforeEach(async () => {
  browser = pagesOfOneBrowser();
  service = await startService();
  gate = {};
  gate.opens = new Promise((resolve, reject) => Object.assign(gate, { open: resolve, fail: reject }));
  opened = [];
});

afterEach(async () => {
  for (const auth of opened) auth.dispose();
  browser.restore();
  await service.stop();
});

/** A manager whose core comes when the gate opens. */
function slow(options) {
  let loads = 0;
  const auth = createManager({ iam: service.iam, ...options }, async () => {
    if ((loads += 1) === 1) await gate.opens;
    return load();
  });
  opened.push(auth);
  return auth;
}

/** A manager like any other. */
function tab() {
  const auth = createTokenManager({ iam: service.iam });
  opened.push(auth);
  return auth;
}

/** Locks are decided within a few turns, and what was sent before this call arrives before its answer. */
async function settle() {
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  await (await fetch(service.origin)).text();
}

test("the first mint does not wait for the core, and is the only one", async () => {
  const auth = slow();
  const tokens = Promise.all([auth.getToken(), auth.getToken()]);
  await until(() => service.mints === 1);
  assert.equal(auth.peek(), undefined);
  gate.open();
  assert.deepEqual(await tokens, ["token-1", "token-1"]);
  assert.equal(service.mints, 1);
  assert.match(service.seen[0].body, /^grant_type=session&idle_for=0$/);
});

test("an answer that is there before the core waits for it", async () => {
  const auth = slow();
  const token = auth.getToken();
  let answered = false;
  service.answer = () => void (answered = true);
  await until(() => answered);
  await settle();
  gate.open();
  assert.equal(await token, "token-1");
});

test("beside another tab nothing is sent early, and its token is taken", async () => {
  const first = tab();
  assert.equal(await first.getToken(), "token-1");
  const auth = slow();
  const token = auth.getToken();
  await settle();
  assert.equal(service.mints, 1);
  gate.open();
  assert.equal(await token, "token-1");
});

test("of tabs that start together one mints", async () => {
  const all = [slow(), slow(), slow(), slow()];
  const tokens = all.map((auth) => auth.getToken());
  await settle();
  gate.open();
  assert.deepEqual(new Set(await Promise.all(tokens)).size, 1);
  assert.equal(service.mints, 1);
});

test("a tab whose turn comes before its core mints nothing by itself: the first one has a token by then", async () => {
  const first = createManager({ iam: service.iam }, load);
  opened.push(first);
  const auth = slow();
  const tokens = [first.getToken(), auth.getToken()];
  assert.equal(await tokens[0], "token-1");
  // The lock outlives the mint by a second.
  await until(() => browser.held.size === 1 && [...browser.held.values()][0].queue.length === 0);
  await settle();
  assert.equal(service.mints, 1);
  gate.open();
  assert.equal(await tokens[1], "token-1");
  assert.equal(service.mints, 1);
});

for (const [name, prepare, options] of [
  ["without locks", () => (browser.locks = undefined), {}],
  ["of an app that keeps to itself", () => {}, { tabs: false }],
]) {
  test(`${name} nothing is sent early`, async () => {
    prepare();
    const auth = slow(options);
    const token = auth.getToken();
    await settle();
    assert.equal(service.mints, 0);
    gate.open();
    assert.equal(await token, "token-1");
  });
}

test("only the default token is minted early", async () => {
  const auth = slow();
  const token = auth.getToken({ resource: "https://api.example.com" });
  await settle();
  assert.equal(service.mints, 0);
  gate.open();
  assert.equal(await token, "token-1");
});

test("c142_a_sign_out_before_the_core_is_there_ends_the_early_mint", async () => {
  service.answer = () => "hang";
  const auth = slow();
  const refused = codeOf(auth.getToken());
  await until(() => service.mints === 1);
  await auth.logout();
  gate.open();
  assert.equal(await refused, "signed_out");
  assert.equal(auth.peek(), undefined);
  assert.equal(auth.state, "signedout");
});

test("a sign-in replaces the early mint", async () => {
  service.answer = (_request, count) => (count === 1 ? "hang" : undefined);
  const auth = slow();
  const before = codeOf(auth.getToken());
  await until(() => service.mints === 1);
  gate.open();
  await auth.login({ username: "alice", password: "x" });
  assert.equal(await auth.getToken(), "token-1");
  assert.equal(service.mints, 2);
  assert.match(await before, /token-1/, "who waited waits on, for the session that is there now");
});

test("what disposes of the manager before the core is there ends the early mint", async () => {
  service.answer = () => "hang";
  const auth = slow();
  const refused = codeOf(auth.getToken());
  await until(() => service.mints === 1);
  auth.dispose();
  gate.open();
  assert.equal(await refused, "disposed");
  await settle();
  assert.equal(browser.shared.size + browser.held.size, 0, "no lock is left");
});

test("a core that does not load ends the early mint, and the next call starts anew", async () => {
  const auth = slow();
  const refused = codeOf(auth.getToken());
  await until(() => service.mints === 1);
  gate.fail(new Error("no module"));
  assert.equal(await refused, "Error");
  assert.match(await auth.getToken(), /^token-\d$/);
});

test("a caller who leaves early takes nothing along", async () => {
  const abort = new AbortController();
  const auth = slow();
  const left = auth.getToken({ signal: abort.signal }).catch(({ name }) => name);
  await until(() => service.mints === 1);
  abort.abort();
  assert.equal(await left, "AbortError");
  gate.open();
  assert.equal(await auth.getToken(), "token-1");
  assert.equal(service.mints, 1);
});
