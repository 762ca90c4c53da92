// Getting tokens: sharing, serving what is valid, failing in the right way.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { createTokenManager, TokenError } from "../pkg/index.js";
import { createVirtualClock } from "../pkg/testing.js";
import { codeOf, startService, until } from "./support.mjs";

let service, clock, auth, events;

beforeEach(async () => {
  service = await startService();
  clock = createVirtualClock({ now: 1_800_000_000_000 });
  auth = manager();
});

afterEach(async () => {
  auth.dispose();
  await service.stop();
});

function manager(options = {}) {
  const made = createTokenManager({ iam: service.iam, apis: [service.origin], clock, ...options });
  events = [];
  for (const type of ["signedin", "renewed", "signedout", "degraded", "recovered", "ending"]) {
    made.on(type, (event) => events.push({ type, ...event }));
  }
  return made;
}

const types = () => events.map((event) => event.type);

test("c136_a_thousand_callers_share_one_mint", async () => {
  const tokens = await Promise.all(Array.from({ length: 1000 }, () => auth.getToken()));
  assert.deepEqual(new Set(tokens), new Set(["token-1"]));
  assert.equal(service.mints, 1);
});

test("c136_a_failed_mint_wakes_all_callers", async () => {
  service.answer = () => ({ status: 400, body: { error: "invalid_scope", error_description: "no such scope" } });
  const codes = await Promise.all(Array.from({ length: 100 }, () => codeOf(auth.getToken())));
  assert.deepEqual(new Set(codes), new Set(["not_allowed"]));
  assert.equal(service.mints, 1);
});

test("a mint is a request that needs no preflight", async () => {
  const sent = [];
  auth.dispose();
  auth = manager({
    clientId: "web",
    fetch: (url, init) => {
      sent.push({ url, ...init });
      return fetch(url, init);
    },
  });
  await auth.getToken({ resource: "https://api.example.com", scope: "b a" });
  const { url, method, mode, credentials, cache, redirect, referrerPolicy, headers, body } = sent[0];
  assert.equal(url, `${service.iam}/oauth/token`);
  assert.deepEqual(
    { method, mode, credentials, cache, redirect, referrerPolicy, headers },
    {
      method: "POST",
      mode: "cors",
      credentials: "include",
      cache: "no-store",
      redirect: "error",
      referrerPolicy: "no-referrer",
      headers: undefined,
    },
  );
  assert.equal(`${body}`, "grant_type=session&idle_for=0&client_id=web&resource=https%3A%2F%2Fapi.example.com&scope=a+b");
  assert.match(service.seen[0].headers["content-type"], /^application\/x-www-form-urlencoded/);
});

test("each resource and scope has its own token, whatever the order of the scopes", async () => {
  const [plain, one, same, other] = await Promise.all([
    auth.getToken(),
    auth.getToken({ resource: "r", scope: "a b" }),
    auth.getToken({ resource: "r", scope: "b  a" }),
    auth.getToken({ resource: "s", scope: "a b" }),
  ]);
  assert.equal(one, same);
  assert.equal(new Set([plain, one, other]).size, 3);
  assert.equal(service.mints, 3);
  assert.equal(auth.peek(), plain);
  assert.equal(auth.peek({ resource: "r", scope: "b a" }), one);
  assert.equal(auth.peek({ resource: "t" }), undefined);
});

for (const [name, trouble, code] of [
  ["hangs", "hang", "timeout"],
  ["refuses", "network", "network"],
  ["answers 500", { status: 500, body: "oops" }, "unavailable"],
  ["answers 429", { status: 429, headers: { "retry-after": "3600" }, body: {} }, "throttled"],
  ["answers 401 without the body of the contract", { status: 401, body: "who are you" }, "not_allowed"],
  ["answers 200 with a web page", { status: 200, body: "<html>" }, "unavailable"],
  ["answers a token of no use", { status: 200, body: { access_token: "t", token_type: "mac", expires_in: 1 } }, "unavailable"],
]) {
  test(`c139_while_the_service_${name.replaceAll(" ", "_")}_a_valid_token_is_served`, async () => {
    let flights = 0;
    auth.dispose();
    auth = manager({
      fetch: (url, init) => {
        flights++;
        return fetch(url, init).finally(() => flights--);
      },
    });
    await auth.getToken();
    service.answer = () => trouble;
    clock.tick(280_000);
    assert.equal(await auth.getToken(), "token-1", "in the renewal window");
    await until(() => service.mints >= 2);
    clock.tick(19_000);
    assert.equal(await auth.getToken(), "token-1", "to the last second");
    assert.equal(auth.peek(), "token-1");
    clock.tick(1_000);
    assert.equal(auth.peek(), undefined);
    let error;
    auth.getToken().catch((reason) => (error = reason));
    await until(() => {
      // Time passes while the manager waits for it, and not while sockets do their work.
      if (trouble === "hang" || flights === 0) clock.tick(100);
      return error;
    });
    assert.ok(error instanceof TokenError);
    assert.equal(error.code, code);
    assert.equal(error.temporary, code !== "not_allowed");
    assert.ok(!types().includes("signedout"), types().join());
    assert.equal(auth.state, "signedin");
  });
}

test("after an outage the next try comes within one step and is told", async () => {
  service.answer = (_request, count) => (count < 3 ? { status: 503, body: {} } : undefined);
  const token = auth.getToken();
  for (let mints = 1; mints <= 2; mints++) {
    await until(() => service.mints === mints);
    await until(() => mints > 1 || types().includes("degraded"));
    clock.tick(1_300);
  }
  await until(() => {
    clock.tick(100);
    return service.mints === 3;
  });
  assert.equal(await token, "token-1");
  assert.deepEqual(types(), ["degraded", "recovered", "signedin"]);
});

for (const [form, value] of [
  ["seconds", () => "120"],
  ["a date", () => new Date(clock.now() + 120_000).toUTCString()],
]) {
  test(`c139_retry_after_as_${form.replace(" ", "_")}_is_honoured_and_handed_on`, async () => {
    service.answer = (_request, count) => (count === 1 ? { status: 503, headers: { "retry-after": value() }, body: {} } : undefined);
    const error = await auth.getToken().catch((error) => error);
    assert.equal(error.code, "unavailable");
    assert.equal(error.retryAfter, 120);
    assert.deepEqual(error.cause, { status: 503, error: undefined });
    clock.tick(100_000);
    assert.equal(await codeOf(auth.getToken()), "unavailable");
    assert.equal(service.mints, 1);
    clock.tick(20_000);
    assert.equal(await auth.getToken(), "token-1");
  });
}

test("c139_login_required_is_told_once_as_signed_out", async () => {
  service.answer = () => ({ status: 401, body: { error: "login_required" } });
  assert.equal(await codeOf(auth.getToken()), "signed_out");
  assert.equal(await codeOf(auth.getToken()), "signed_out");
  assert.equal(service.mints, 1, "a caller in a loop is answered from memory");
  assert.deepEqual(events, [{ type: "signedout", reason: "no_session" }]);
  assert.equal(auth.state, "signedout");
});

test("a permanent refusal says what the service said", async () => {
  service.answer = () => ({ status: 400, body: { error: "invalid_target", error_description: "unknown resource" } });
  const error = await auth.getToken({ resource: "nowhere" }).catch((error) => error);
  assert.equal(error.code, "not_allowed");
  assert.equal(error.temporary, false);
  assert.match(error.message, /unknown resource/);
  assert.deepEqual(error.cause, { status: 400, error: "invalid_target" });
});

test("c142_a_late_answer_after_sign_out_is_dropped", async () => {
  let release;
  service.answer = () => new Promise((resolve) => (release = resolve));
  // A fetch that cannot be cancelled, so that the answer really arrives and is read.
  let read = false;
  auth.dispose();
  auth = manager({
    fetch: async (url, init) => {
      const response = await fetch(url, { ...init, signal: undefined });
      if (!url.endsWith("/token")) return response;
      const text = await response.text();
      response.text = async () => {
        read = true;
        return text;
      };
      return response;
    },
  });
  const waiting = codeOf(auth.getToken());
  await until(() => release);
  await auth.logout();
  assert.equal(await waiting, "signed_out");
  release(undefined);
  await until(() => read);
  assert.equal(auth.peek(), undefined);
  assert.equal(await codeOf(auth.getToken()), "signed_out");
  assert.deepEqual(events, [{ type: "signedout", reason: "logout" }]);
});

test("one caller's abort harms no other, and carries the signal's reason", async () => {
  let release;
  service.answer = () => new Promise((resolve) => (release = resolve));
  const abort = new AbortController();
  const one = auth.getToken({ signal: abort.signal }).catch((error) => error);
  const two = auth.getToken();
  await until(() => release);
  abort.abort(new Error("changed my mind"));
  assert.equal((await one).message, "changed my mind");
  release();
  assert.equal(await two, "token-1");
  assert.equal((await auth.getToken({ signal: AbortSignal.abort() }).catch((error) => error)).name, "AbortError");
});

test("c138_a_clock_that_jumps_an_hour_ahead_costs_one_mint", async () => {
  await auth.getToken();
  clock.jump(3_600_000);
  assert.equal(auth.peek(), undefined);
  for (let call = 0; call < 50; call++) assert.equal(await auth.getToken(), "token-2");
  assert.equal(service.mints, 2);
});

test("c138_a_clock_that_jumps_an_hour_back_lengthens_no_token", async () => {
  await auth.getToken();
  clock.jump(-3_600_000);
  assert.equal(auth.peek(), "token-1");
  clock.tick(300_000);
  assert.equal(auth.peek(), undefined);
  assert.equal(await auth.getToken(), "token-2");
  assert.equal(service.mints, 2);
});

test("where there is no page, calls count: without one nothing is renewed, after one once, and its age is told", async () => {
  let sent = 0;
  auth.dispose();
  auth = manager({ fetch: (url, init) => (sent++, fetch(url, init)) });
  await auth.getToken();
  clock.tick(3_600_000);
  assert.equal(sent, 1, "nobody called");
  await auth.getToken();
  clock.tick(100_000);
  await auth.getToken();
  assert.equal(sent, 2);
  // By single seconds, so that the mint in flight does not time out on this clock.
  for (let second = 0; sent === 2; second++) {
    assert.ok(second < 200, "renewed by its end");
    clock.tick(1_000);
    await new Promise(setImmediate);
  }
  await until(() => events.at(-1).cause === "background");
  const ages = service.seen.map((request) => Number(new URLSearchParams(request.body).get("idle_for")));
  assert.deepEqual(ages.slice(0, 2), [0, 0]);
  assert.ok(ages[2] >= 140 && ages[2] <= 171, `${ages[2]}`);
  clock.tick(3_600_000);
  assert.equal(sent, 3, "one call keeps nothing alive for ever");
});

test("events carry times and scopes but no token", async () => {
  service.sessionExpiresIn = 600;
  await auth.getToken({ resource: "r" });
  clock.tick(480_000);
  await until(() => types().includes("ending"));
  assert.deepEqual(events[0], {
    type: "signedin",
    resource: "r",
    scope: "notes:read",
    expiresAt: 1_800_000_300_000,
    sessionEndsAt: 1_800_000_600_000,
    cause: "caller",
  });
  assert.deepEqual(events.at(-1), { type: "ending", secondsLeft: 120, sessionEndsAt: 1_800_000_600_000 });
  assert.ok(!JSON.stringify(events).includes("token-"));
});

test("dispose refuses everybody, drops the token and leaves no timer", async () => {
  await auth.getToken();
  service.answer = () => "hang";
  const waiting = codeOf(auth.getToken({ resource: "r" }));
  await until(() => service.mints === 2);
  auth.dispose();
  assert.equal(await waiting, "disposed");
  assert.equal(auth.peek(), undefined);
  assert.equal(auth.state, "disposed");
  assert.equal(clock.pending, 0);
  assert.equal(await codeOf(auth.getToken()), "disposed");
  assert.equal(await codeOf(auth.login({ username: "a", password: "b" })), "disposed");
  assert.equal(await codeOf(auth.logout()), "disposed");
  auth[Symbol.dispose]();
});

test("dispose before the module is loaded refuses those who wait for it", async () => {
  const waiting = codeOf(auth.getToken());
  auth.dispose();
  assert.equal(await waiting, "disposed");
  assert.equal(service.mints, 0);
});

test("mistakes in the options are told when the manager is made", () => {
  const iam = "https://api.example.com/iam";
  for (const options of [
    undefined,
    {},
    { iam: "/iam" },
    { iam: "http://api.example.com/iam" },
    { iam: "https://user@api.example.com/iam" },
    { iam: "https://api.example.com/iam?x=1" },
    { iam, apis: "https://api.example.com" },
    { iam, apis: ["/notes"] },
    { iam, apis: ["http://api.example.com"] },
    { iam, apis: ["ftp://api.example.com"] },
    { iam, activity: "sometimes" },
  ]) {
    assert.throws(() => createTokenManager(options), TypeError, JSON.stringify(options));
  }
  createTokenManager({ iam: "http://api.app.localhost:4181/iam", apis: [new URL("https://api.example.com")] });
  assert.throws(() => auth.on("signedOut", () => {}), /signedout/);
});
