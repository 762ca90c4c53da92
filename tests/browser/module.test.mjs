// The npm package on a bare page, against the real service behind a recording proxy that can make the network fail.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "../harness/behaviour.mjs";
import { cors, login, startBare, TOKEN, waitFor } from "../harness/bare.mjs";
import { origin, scheme } from "../harness/engine.mjs";
import { startProxy } from "../harness/proxy.mjs";
import { PASSWORD } from "../harness/stack.mjs";

let bare, pages, ui, api, iam, proxy, foreign, browser, context, page;

before(async () => {
  // Tokens of 10 s, so that expiry can be waited for.
  bare = await startBare({ client: ["--ttl", "10"], answer: api_ });
  ({ pages, ui, api, iam, proxy, browser } = bare);
  foreign = await startProxy({ upstream: "http://127.0.0.1:9", answer: echo });
  context = await browser.newContext();
  page = await context.newPage();
  await page.goto(ui);
  await page.evaluate(login, { api, user: iam.user, password: PASSWORD });
});

after(() => Promise.all([bare?.stop(), foreign?.stop()]));

beforeEach(async () => {
  proxy.fault = undefined;
  proxy.release();
  await page.goto(ui);
  proxy.seen.length = 0;
  foreign.seen.length = 0;
});

test("c136_a_thousand_callers_share_one_mint_without_a_preflight", async () => {
  const [before, from] = [iam.mints(), iam.log.lines.length];
  const result = await page.evaluate(async (api) => {
    const { createTokenManager } = await import("/pkg/index.js");
    const auth = createTokenManager({ iam: `${api}/iam`, apis: [api] });
    const tokens = await Promise.all(Array.from({ length: 1000 }, () => auth.getToken()));
    auth.dispose();
    return { different: new Set(tokens).size, shape: /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/.test(tokens[0]) };
  }, api);
  assert.deepEqual(result, { different: 1, shape: true });
  // The log is written after the answer.
  await iam.log.line(/outcome="?minted/, { from });
  assert.equal(iam.mints() - before, 1, "in the service's own log");
  assert.equal(proxy.count("POST", TOKEN), 1);
  assert.equal(proxy.count("OPTIONS", TOKEN), 0);
});

test("the machine is the one that these tests are for", async () => {
  const scripts = await page.evaluate(async (api) => {
    const { createTokenManager } = await import("/pkg/index.js");
    const auth = createTokenManager({ iam: `${api}/iam` });
    await auth.getToken();
    auth.dispose();
    return performance.getEntriesByType("resource").map((entry) => entry.name);
  }, api);
  assert.equal(scripts.includes(`${ui}/pkg/fallback.js`), process.env.WASM === "forbidden");
});

test("c013_the_pages_of_these_tests_are_same_site_with_the_api", async () => {
  await page.evaluate(async (api) => {
    const { createTokenManager } = await import("/pkg/index.js");
    const auth = createTokenManager({ iam: `${api}/iam`, apis: [api] });
    await auth.getToken();
    auth.dispose();
  }, api);
  const { headers } = proxy.seen.find((request) => request.path === TOKEN);
  assert.equal(headers["sec-fetch-site"], "same-site");
  assert.equal(headers["sec-fetch-mode"], "cors");
  assert.match(headers.cookie, /^__Host-Http-sid=[\w-]{43}$/, "and the Strict cookie comes along");
});

for (const [name, wait, expected] of [["has_just_done_something", 0, /^[01]$/], ["did_something_a_while_ago", 2500, /^[2-9]$/]]) {
  test(`c017_a_renewal_says_that_the_user_${name}_however_much_the_app_calls`, async () => {
    await page.evaluate(async (api) => {
      const { createTokenManager } = await import("/pkg/index.js");
      window.auth = createTokenManager({ iam: `${api}/iam`, apis: [api] });
      await auth.getToken();
    }, api);
    await page.press("a");
    await page.evaluate(async (wait) => {
      for (const end = Date.now() + wait; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 100))) await auth.getToken();
    }, wait);
    const idle = [];
    proxy.fault = (request) => {
      if (request.url === TOKEN) request.on("data", (chunk) => idle.push(new URLSearchParams(String(chunk)).get("idle_for")));
      return false;
    };
    await page.evaluate(async (api) => {
      await fetch(`${api}/refuse-what-came-so-far`);
      await auth.fetch(`${api}/guarded`);
      auth.dispose();
    }, api);
    assert.equal(idle.length, 1);
    assert.match(idle[0], expected);
  });
}

test("20 parallel 401s cause one renewal and 20 retries", async () => {
  const statuses = await page.evaluate(async (api) => {
    const { createTokenManager } = await import("/pkg/index.js");
    const auth = createTokenManager({ iam: `${api}/iam`, apis: [api] });
    await auth.getToken();
    await fetch(`${api}/refuse-what-came-so-far`);
    const answers = await Promise.all(Array.from({ length: 20 }, () => auth.fetch(`${api}/guarded`)));
    auth.dispose();
    return answers.map((answer) => answer.status);
  }, api);
  assert.deepEqual(statuses, Array(20).fill(200));
  assert.equal(proxy.count("POST", TOKEN), 2, "the first mint and one renewal");
  assert.equal(proxy.count("GET", "/guarded"), 40, "20 calls and 20 retries");
});

test("an API that always answers 401 gets two requests, and the caller the original 401", async () => {
  const answer = await page.evaluate(async (api) => {
    const { createTokenManager } = await import("/pkg/index.js");
    const auth = createTokenManager({ iam: `${api}/iam`, apis: [api] });
    const response = await auth.fetch(`${api}/always-401`);
    auth.dispose();
    return { status: response.status, body: await response.text() };
  }, api);
  assert.deepEqual(answer, { status: 401, body: "no, whoever you are" });
  assert.equal(proxy.count("GET", "/always-401"), 2);
});

test("c137_the_token_goes_to_no_other_origin", async () => {
  const evil = new URL(origin("evil", foreign.port)).host;
  const results = await page.evaluate(
    async ({ api, evil, scheme }) => {
      const { createTokenManager } = await import("/pkg/index.js");
      const auth = createTokenManager({ iam: `${api}/iam`, apis: [`${api}/svc`] });
      await auth.getToken();
      const host = new URL(api).host;
      const tries = {
        "another origin": () => auth.fetch(`${scheme}://${evil}/plain`),
        "protocol-relative": () => auth.fetch(`//${evil}/relative`),
        "userinfo before": () => auth.fetch(`${scheme}://${host}@${evil}/userinfo`),
        "userinfo with a password": () => auth.fetch(`${scheme}://api:${host}@${evil}/userinfo2`),
        "a Request": () => auth.fetch(new Request(`${scheme}://${evil}/request`)),
        "a URL object": () => auth.fetch(new URL(`${scheme}://${evil}/url`)),
        "back slashes": () => auth.fetch(`${scheme}:\\\\${evil}\\slashes`),
        "a tab in the scheme": () => auth.fetch(`ht\t${scheme.slice(2)}://${evil}/tab`),
        "a look-alike suffix": () => auth.fetch(`${api}.${evil}/suffix`),
        "a 307 elsewhere": () => auth.fetch(`${api}/svc/redirect-to-evil`),
        "a 302 elsewhere": () => auth.fetch(`${api}/svc/redirect-302`),
        "another path of the host": () => auth.fetch(`${api}/svcother`),
        "out of the path by dots": () => auth.fetch(`${api}/svc/../other`),
        "the allowed one": () => auth.fetch(`${api}/svc/echo`),
      };
      const results = {};
      for (const [name, run] of Object.entries(tries)) {
        results[name] = await run().then((r) => `${r.type === "opaqueredirect" ? "redirect" : r.status}`, (e) => e.code ?? e.name);
      }
      auth.dispose();
      return results;
    },
    { api, evil, scheme },
  );
  const leaked = foreign.seen.filter((request) => request.headers.authorization).map((request) => request.path);
  assert.deepEqual(leaked, [], JSON.stringify(results));
  for (const path of ["/svcother", "/other"]) {
    const bearing = proxy.seen.filter((request) => request.path === path && request.headers.authorization);
    assert.deepEqual(bearing, [], path);
  }
  assert.equal(results["the allowed one"], "200");
  const allowed = proxy.seen.find((request) => request.method === "GET" && request.path === "/svc/echo");
  assert.match(allowed.headers.authorization, /^Bearer eyJ/);
});

test("c142_a_mint_that_answers_after_sign_out_is_dropped", async () => {
  let answerLate;
  const late = new Promise((resolve) => (answerLate = resolve));
  proxy.fault = (request, response) => {
    if (request.url !== TOKEN) return false;
    late.then(() => proxy.answer(request, response));
    return true;
  };
  proxy.answer = (request, response) => {
    response.writeHead(200, { ...cors(request), "content-type": "application/json" });
    const body = { access_token: "eyJhIjoxfQ.eyJhIjoxfQ.c2ln", token_type: "Bearer", expires_in: 20, scope: "", session_expires_in: 900 };
    response.end(JSON.stringify(body));
  };
  const other = await browser.newContext();
  const there = await other.newPage();
  await there.goto(ui);
  await there.evaluate(async (api) => {
    const { createTokenManager } = await import("/pkg/index.js");
    window.delivered = false;
    // A fetch that cannot be aborted, so that the late answer really comes in.
    const stubborn = async (address, init) => {
      const response = await fetch(address, { ...init, signal: undefined });
      if (!address.endsWith("/token")) return response;
      const body = await response.text();
      queueMicrotask(() => (window.delivered = true));
      return new Response(body, { headers: response.headers });
    };
    window.auth = createTokenManager({ iam: `${api}/iam`, apis: [api], fetch: stubborn });
    window.waiting = auth.getToken().then(() => "token", (error) => error.code);
  }, api);
  await waitFor(() => proxy.count("POST", TOKEN) === 1);
  const code = await there.evaluate(async () => {
    await auth.logout();
    return window.waiting;
  });
  answerLate();
  await there.until(() => window.delivered);
  const afterwards = await there.evaluate(() => ({ peek: auth.peek() ?? "nothing", state: auth.state }));
  assert.equal(code, "signed_out");
  assert.deepEqual(afterwards, { peek: "nothing", state: "signedout" });
  await other.close();
});

test("one caller's abort harms nobody else", async () => {
  const result = await page.evaluate(async (api) => {
    const { createTokenManager } = await import("/pkg/index.js");
    const auth = createTokenManager({ iam: `${api}/iam`, apis: [api] });
    const abort = new AbortController();
    const one = auth.getToken({ signal: abort.signal }).then(() => "token", (error) => error.name);
    const two = auth.getToken().then(() => "token", (error) => error.name);
    abort.abort();
    const all = await Promise.all([one, two]);
    auth.dispose();
    return all;
  }, api);
  assert.deepEqual(result, ["AbortError", "token"]);
  assert.equal(proxy.count("POST", TOKEN), 1);
});

test("an origin that the service does not know is told what to configure", async () => {
  const stranger = origin("stranger", pages.port);
  await page.goto(stranger);
  const error = await page.evaluate(async (api) => {
    const { createTokenManager } = await import("/pkg/index.js");
    const auth = createTokenManager({ iam: `${api}/iam`, apis: [api] });
    const error = await auth.getToken().then(() => undefined, (error) => error);
    const state = auth.state;
    auth.dispose();
    return { code: error?.code, message: error?.message, state };
  }, api);
  assert.equal(error.code, "origin_refused");
  assert.ok(error.message.includes(stranger), error.message);
  assert.notEqual(error.state, "signedout");
  // The log, which is written after the answer, names the command.
  await iam.log.line(new RegExp(`client set .*--add-origin ${stranger}`));
});

test("login without a cookie fails instead of bouncing for ever", async () => {
  proxy.fault = (request, response) => {
    if (request.url !== "/iam/passwordlogin" || request.method !== "POST") return false;
    response.writeHead(200, { ...cors(request), "content-type": "application/json" });
    response.end(JSON.stringify({ user: { id: "usr_AAAAAAAAAAAAAAAAAAAAAA", username: "alice" } }));
    return true;
  };
  const other = await browser.newContext();
  const there = await other.newPage();
  await there.goto(ui);
  const code = await there.evaluate(async (api) => {
    const { createTokenManager } = await import("/pkg/index.js");
    const auth = createTokenManager({ iam: `${api}/iam`, apis: [api] });
    const code = await auth.login({ username: "alice", password: "x" }).then(() => "signed in", (error) => error.code);
    auth.dispose();
    return code;
  }, api);
  assert.equal(code, "cookie_not_stored");
  await other.close();
});

for (const [name, jump] of [["an hour ahead", 3_600_000], ["an hour back", -3_600_000]]) {
  test(`c138_the_page_clock_jumps_${name.replaceAll(" ", "_")}`, async () => {
    await page.evaluate(async (api) => {
      const { now } = Date;
      window.jumped = 0;
      Date.now = () => now() + window.jumped;
      const { createTokenManager } = await import("/pkg/index.js");
      window.auth = createTokenManager({ iam: `${api}/iam`, apis: [api] });
      window.first = await auth.getToken();
    }, api);
    const mints = proxy.count("POST", TOKEN);
    const state = await page.evaluate(async ({ api, jump }) => {
      window.jumped = jump;
      const tokens = [];
      for (let i = 0; i < 50; i++) tokens.push(await auth.getToken());
      const answer = await auth.fetch(`${api}/svc/echo`);
      return { different: new Set(tokens).size, first: tokens[0] === first, status: answer.status };
    }, { api, jump });
    assert.equal(state.different, 1);
    assert.equal(state.status, 200);
    assert.ok(proxy.count("POST", TOKEN) - mints <= 1, "no loop of mints");
    // An hour ahead the token may have expired while the machine slept: it is not used again.
    if (jump > 0) assert.equal(state.first, false);
  });
}

const refused = new Set();

/** The sample API: what is not the IAM's. */
function api_(request, response) {
  if (request.url.startsWith("/iam") || request.url.startsWith("/.well-known")) return false;
  const send = (code, body, headers = {}) => {
    response.writeHead(code, { ...cors(request), ...headers });
    response.end(body);
  };
  const bearer = request.headers.authorization;
  if (request.method === "OPTIONS") send(204);
  else if (request.url === "/refuse-what-came-so-far") {
    refused.clear();
    refused.add("all so far");
    send(200, "noted");
  } else if (request.url === "/guarded") {
    // The first token that shows up is the one that is refused.
    if (refused.delete("all so far")) refused.add(bearer);
    if (refused.has(bearer)) send(401, "expired", { "www-authenticate": 'Bearer error="invalid_token"' });
    else send(200, "ok");
  } else if (request.url === "/always-401") send(401, "no, whoever you are", { "www-authenticate": "Bearer" });
  else if (request.url === "/svc/redirect-to-evil") send(307, "", { location: `${origin("evil", foreign.port)}/redirected` });
  else if (request.url === "/svc/redirect-302") send(302, "", { location: `${origin("evil", foreign.port)}/redirected302` });
  else send(200, "hello");
  return true;
}

function echo(request, response) {
  response.writeHead(200, cors(request));
  response.end("hello from elsewhere");
  return true;
}
