// `auth.fetch`: who gets the token, and what happens after a 401.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { createTokenManager } from "../pkg/index.js";
import { codeOf, startService, until } from "./support.mjs";

let service, foreign, auth;

before(async () => {
  foreign = await startService();
});

after(() => foreign.stop());

beforeEach(async () => {
  service = await startService();
  foreign.seen.length = 0;
  auth = createTokenManager({ iam: service.iam, apis: [service.origin] });
});

afterEach(async () => {
  auth.dispose();
  await service.stop();
});

const bearers = (url) => service.seen.filter((request) => request.url === url).map((request) => request.headers.authorization);

/** Refuses the tokens in `bad` with a 401. */
function refusing(...bad) {
  return (request, response) => {
    const token = request.headers.authorization?.replace("Bearer ", "");
    if (bad.includes(token)) response.writeHead(401, { "www-authenticate": "Bearer" });
    response.end(bad.includes(token) ? `refused ${token}` : `served ${token} ${request.method} ${request.body}`);
  };
}

test("c138_twenty_parallel_401s_cause_one_renewal_and_twenty_retries", async () => {
  await auth.getToken();
  service.api = refusing("token-1");
  const answers = await Promise.all(Array.from({ length: 20 }, () => auth.fetch(`${service.origin}/notes`)));
  assert.deepEqual(new Set(answers.map((answer) => answer.status)), new Set([200]));
  assert.equal(service.mints, 2);
  assert.equal(service.count("/notes"), 40);
});

test("c138_an_api_that_always_answers_401_gets_two_requests_and_the_caller_the_original_answer", async () => {
  service.api = (request, response) => {
    response.writeHead(401);
    response.end(`no, ${request.headers.authorization}`);
  };
  const answer = await auth.fetch(`${service.origin}/notes`);
  assert.equal(answer.status, 401);
  assert.equal(await answer.text(), "no, Bearer token-1");
  assert.deepEqual(bearers("/notes"), ["Bearer token-1", "Bearer token-2"]);
  assert.equal(service.mints, 2);
  await auth.fetch(`${service.origin}/notes`);
  assert.equal(service.mints, 2, "and calling on mints no further tokens for the moment");
});

test("a 401 for a token that is no longer in hand costs no renewal", async () => {
  let late;
  service.api = (request, response) => {
    if (request.url === "/slow") late = () => refusing("token-1")(request, response);
    else refusing("token-1")(request, response);
    if (request.url === "/slow" && request.headers.authorization !== "Bearer token-1") late();
  };
  const slow = auth.fetch(`${service.origin}/slow`);
  await until(() => late);
  assert.equal((await auth.fetch(`${service.origin}/quick`)).status, 200);
  assert.equal(service.mints, 2);
  late();
  assert.equal((await slow).status, 200);
  assert.equal(service.mints, 2);
});

test("a request with a body is sent again in full", async () => {
  service.api = refusing("token-1", "token-3", "token-5");
  const init = { method: "POST", body: "a note" };
  for (const [input, options] of [
    [`${service.origin}/a`, init],
    [new URL(`${service.origin}/b`), { method: "POST", body: new URLSearchParams("text=a note") }],
    [new Request(`${service.origin}/c`, init), undefined],
  ]) {
    auth.dispose();
    auth = createTokenManager({ iam: service.iam, apis: [service.origin] });
    const answer = await auth.fetch(input, options);
    assert.match(await answer.text(), /^served token-\d POST .*note$/);
  }
});

test("a body that can be read only once is not sent again, but the next call has a new token", async () => {
  await auth.getToken();
  service.api = refusing("token-1");
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode("once"));
      controller.close();
    },
  });
  const answer = await auth.fetch(`${service.origin}/notes`, { method: "POST", body, duplex: "half" });
  assert.equal(answer.status, 401);
  assert.equal(service.count("/notes"), 1);
  await until(() => auth.peek() === "token-2");
  assert.equal(service.mints, 2);
});

test("without a session or while the service is down, the caller gets the typed error", async () => {
  service.answer = () => ({ status: 401, body: { error: "login_required" } });
  assert.equal(await codeOf(auth.fetch(`${service.origin}/notes`)), "signed_out");
  assert.equal(service.count("/notes"), 0);
});

test("a session that ended shows after a 401 as signed_out, once and without a loop", async () => {
  await auth.getToken();
  service.api = refusing("token-1");
  service.answer = () => ({ status: 401, body: { error: "login_required" } });
  assert.equal(await codeOf(auth.fetch(`${service.origin}/notes`)), "signed_out");
  assert.equal(service.mints, 2);
});

test("c137_the_token_goes_only_to_the_addresses_in_apis", async () => {
  const { host } = new URL(service.origin);
  const { host: evil, port: evilPort } = new URL(foreign.origin);
  auth.dispose();
  auth = createTokenManager({ iam: service.iam, apis: [`${service.origin}/svc`, `${service.origin}/svc/deep/`] });
  globalThis.location = { href: `${service.origin}/page/`, origin: service.origin };
  try {
    for (const input of [
      foreign.origin,
      `${foreign.origin}/svc`,
      `//${evil}/svc`,
      `http://${host}@${evil}/svc`,
      `http://${host.replace(":", "%3A")}@${evil}/svc`,
      `http://user:${host}@${evil}/svc`,
      `http:\\\\${evil}\\svc`,
      `\\\\${evil}/svc`,
      `ht\ttp://${evil}/svc`,
      ` http://${evil}/svc`,
      new URL(`${foreign.origin}/svc`),
      new Request(`${foreign.origin}/svc`),
      { url: `${service.origin}/svc`, toString: () => `${foreign.origin}/svc` },
      `http://${service.origin.slice(7)}.localhost:${evilPort}/svc`,
      `http://localhost:${new URL(service.origin).port}/svc`,
      `http://user:secret@${host}/svc`,
      `${service.origin}/`,
      `${service.origin}/svc2`,
      `${service.origin}/SVC`,
      `${service.origin}/svc/../other`,
      `${service.origin}/svc/%2e%2e/other`,
      `${service.origin}/svc/..%2fother`,
      `${service.origin}/svc/..%5Cother`,
      `${service.origin}/svc/%2e%2e%2Fother`,
      `${service.origin}/svc/%252e%252e%252fother`,
      `${service.origin}/svc/%ff/..%2fother`,
      `${service.origin}/svc/..;/other`,
      `${service.origin}/svc/.%2fother`,
      "../other",
      "/other",
    ]) {
      // Some of these no fetch would send; what matters is what arrives.
      await auth.fetch(input).catch(() => {});
    }
    const bearing = [...foreign.seen, ...service.seen].filter((request) => request.headers.authorization);
    assert.deepEqual(bearing, []);
    assert.equal(service.mints, 0, "nor is one minted for them");
    assert.ok(foreign.seen.length > 5 && service.seen.length > 5, "they were ordinary fetches");

    const allowed = ["/svc", "/svc/", "/svc?x=//evil", "/svc/a/../b", "/svc/a%2Fb", "/svc/deep", "/svc/a;b=..", "../svc/relative"];
    for (const path of allowed) {
      const before = service.seen.length;
      await auth.fetch(path.startsWith("/") ? service.origin + path : path);
      const { headers, url } = service.seen.at(-1);
      assert.ok(service.seen.length > before && headers.authorization === "Bearer token-1", url);
    }
  } finally {
    delete globalThis.location;
  }
});

test("the longest prefix decides which token is sent", async () => {
  const apis = [service.origin, { url: `${service.origin}/iam2`, resource: "urn:iam", scope: "account" }];
  auth.dispose();
  auth = createTokenManager({ iam: service.iam, apis });
  await auth.fetch(`${service.origin}/notes`);
  await auth.fetch(`${service.origin}/iam2/me`);
  const asked = service.seen.filter((request) => request.url === "/iam/oauth/token").map((request) => new URLSearchParams(request.body));
  assert.deepEqual(asked.map((form) => [form.get("resource"), form.get("scope")]), [[null, null], ["urn:iam", "account"]]);
  assert.deepEqual([...bearers("/notes"), ...bearers("/iam2/me")], ["Bearer token-1", "Bearer token-2"]);
});

for (const status of [301, 302, 303, 307, 308]) {
  test(`c137_a_${status}_is_not_followed_with_the_token`, async () => {
    for (const location of [`${foreign.origin}/elsewhere`, "/here"]) {
      service.api = (_request, response) => {
        response.writeHead(status, { location });
        response.end();
      };
      assert.equal(await codeOf(auth.fetch(`${service.origin}/moved`)), "redirect_refused");
      assert.equal(await codeOf(auth.fetch(`${service.origin}/moved`, { redirect: "follow" })), "redirect_refused");
      const shown = await auth.fetch(new Request(`${service.origin}/moved`, { redirect: "manual" }));
      assert.equal(shown.status, status);
    }
    assert.deepEqual(foreign.seen, []);
    assert.equal(service.count("/here"), 0);
  });
}

test("a caller's own Authorization is left alone", async () => {
  service.api = (request, response) => {
    response.writeHead(401);
    response.end(request.headers.authorization);
  };
  for (const [input, init] of [
    [`${service.origin}/a`, { headers: { AUTHORIZATION: "Basic eA==" } }],
    [new Request(`${service.origin}/b`, { headers: [["authorization", "Basic eA=="]] }), undefined],
  ]) {
    const answer = await auth.fetch(input, init);
    assert.equal(await answer.text(), "Basic eA==");
  }
  assert.equal(service.mints, 0);
  assert.equal(service.seen.length, 2, "and a 401 is not retried");
});

test("headers, method and signal of the caller reach the API; credentials stay the platform's default", async () => {
  const sent = [];
  auth.dispose();
  auth = createTokenManager({
    iam: service.iam,
    apis: [service.origin],
    fetch: (input, init) => {
      sent.push(init);
      return fetch(input, init);
    },
  });
  await auth.fetch(`${service.origin}/notes`, { method: "PUT", headers: { "x-a": "1" }, body: "b" });
  assert.equal(service.seen.at(-1).method, "PUT");
  assert.equal(service.seen.at(-1).headers["x-a"], "1");
  assert.equal(sent.at(-1).credentials, undefined);
  const gone = AbortSignal.abort(new Error("gone"));
  assert.equal((await auth.fetch(`${service.origin}/notes`, { signal: gone }).catch((error) => error)).message, "gone");
  assert.equal(service.count("/notes"), 1);
});

test("an abort while the token is awaited ends the call and nothing is sent", async () => {
  service.answer = () => "hang";
  const abort = new AbortController();
  const call = codeOf(auth.fetch(`${service.origin}/notes`, { signal: abort.signal }));
  await until(() => service.mints === 1);
  abort.abort(Object.assign(new Error("left"), { code: "left" }));
  assert.equal(await call, "left");
  assert.equal(service.count("/notes"), 0);
});
