// `sessionmint/isolated`: the token lives in a worker. The page calls APIs as ever and never has it.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "../harness/behaviour.mjs";
import { leaveAndComeBack, startBare, TOKEN, waitFor } from "../harness/bare.mjs";
import { PASSWORD } from "../harness/stack.mjs";

let bare, ui, api, iam, proxy, browser, context, page;

before(async () => {
  bare = await startBare({ answer: service });
  ({ ui, api, iam, proxy, browser } = bare);
});

after(() => bare?.stop());

beforeEach(async () => {
  await context?.close();
  context = await browser.newContext();
  page = await context.newPage();
  await page.goto(ui);
  await page.evaluate(start, api);
  await page.evaluate(({ username, password }) => auth.login({ username, password }), { username: iam.user, password: PASSWORD });
  proxy.fault = undefined;
  proxy.seen.length = 0;
  received.length = 0;
});

/** Makes `auth`, and `told` with what it tells. */
async function start(api) {
  const { createTokenManager } = await import("/pkg/isolated.js");
  window.auth = createTokenManager({ iam: `${api}/iam`, apis: [`${api}/svc`], isolate: "worker" });
  window.told = [];
  auth.on("signedin", (event) => told.push(["signedin", event.scope]));
  auth.on("signedout", ({ reason }) => told.push(["signedout", reason]));
}

test("a call to an API carries the token, and the page never has it", async () => {
  // Whatever a page can patch or listen to, by then or from the start.
  await page.evaluate(() => {
    window.overheard = [];
    const note = (value) => overheard.push(typeof value === "string" ? value : JSON.stringify(value));
    for (const name of ["fetch", "Request", "Headers", "Response"]) {
      window[name] = new Proxy(window[name], {
        apply: (target, self, words) => (words.forEach(note), Reflect.apply(target, self, words)),
        construct: (target, words) => (words.forEach(note), Reflect.construct(target, words)),
      });
    }
    MessagePort.prototype.postMessage = new Proxy(MessagePort.prototype.postMessage, {
      apply: (target, self, words) => (note(words[0]), Reflect.apply(target, self, words)),
    });
  });
  assert.equal(await page.evaluate((api) => auth.fetch(`${api}/svc/echo`).then((answer) => answer.status), api), 200);
  assert.match(received.at(-1).authorization, /^Bearer eyJ/);
  const kept = await page.evaluate(async () => {
    const seen = new Set();
    const texts = [...overheard, document.cookie, location.href, document.documentElement.outerHTML];
    texts.push(...Object.entries(localStorage).flat(), ...Object.entries(sessionStorage).flat());
    const walk = (value, depth) => {
      if (typeof value === "string") texts.push(value);
      if (depth === 0 || value === null || !["object", "function"].includes(typeof value) || seen.has(value)) return;
      seen.add(value);
      for (const key of Reflect.ownKeys(value)) {
        try {
          walk(value[key], depth - 1);
        } catch {
          // Some getters of a window throw.
        }
      }
    };
    walk(window, 4);
    return { texts: texts.length, tokens: texts.filter((text) => /eyJ[\w-]+\.eyJ/.test(text)) };
  });
  assert.ok(kept.texts > 100);
  assert.deepEqual(kept.tokens, []);
  assert.deepEqual(await page.evaluate(() => [auth.getToken, auth.peek].map((method) => typeof method)), ["undefined", "undefined"]);
});

const cannotSnapshot = { firefox: "its driver takes no snapshot of a heap", webkit: "its driver takes no snapshot of a heap" };
test("a snapshot of the page's heap holds no token, and one of a page with the ordinary manager does", cannotSnapshot, async () => {
  await page.evaluate((api) => auth.fetch(`${api}/svc/echo`), api);
  const token = received.at(-1).authorization.split(" ")[1];
  assert.equal((await heap(page)).includes(token.split(".")[2]), false);
  await page.evaluate(async (api) => {
    const { createTokenManager } = await import("/pkg/index.js");
    window.ordinary = createTokenManager({ iam: `${api}/iam`, apis: [`${api}/svc`] });
    await ordinary.fetch(`${api}/svc/echo`);
  }, api);
  const other = received.at(-1).authorization.split(" ")[1];
  assert.equal((await heap(page)).includes(other.split(".")[2]), true);
});

async function heap(page) {
  const devtools = await page.raw.context().newCDPSession(page.raw);
  const chunks = [];
  devtools.on("HeapProfiler.addHeapSnapshotChunk", ({ chunk }) => chunks.push(chunk));
  await devtools.send("HeapProfiler.takeHeapSnapshot", { reportProgress: false });
  await devtools.detach();
  return chunks.join("");
}

test("an answer is what fetch would have given", async () => {
  const answers = await page.evaluate(async (api) => {
    const facts = async (path, init) => {
      const answer = await auth.fetch(`${api}${path}`, init);
      const { status, statusText, ok, redirected, type, url, body } = answer;
      const copy = answer.clone();
      return {
        ...{ status, statusText, ok, redirected, type, path: new URL(url || "x:").pathname, empty: body === null },
        text: await answer.text(),
        again: [copy.url === url, await copy.text()],
        header: answer.headers.get("x-told"),
        response: answer instanceof Response,
      };
    };
    return {
      ok: await facts("/svc/hello"),
      missing: await facts("/svc/missing"),
      empty: await facts("/svc/empty", { method: "DELETE" }),
      manual: await facts("/svc/redirect", { redirect: "manual" }),
      followed: await facts("/svc/redirect").catch((error) => error.code),
    };
  }, api);
  const like = { statusText: "OK", redirected: false, type: "cors", empty: false, header: "yes", response: true };
  assert.deepEqual(answers.ok, { ...like, status: 200, ok: true, path: "/svc/hello", text: "hello", again: [true, "hello"] });
  const missing = { ...like, status: 404, statusText: "Not Found", ok: false };
  assert.deepEqual(answers.missing, { ...missing, path: "/svc/missing", text: "no", again: [true, "no"] });
  const empty = { ...like, status: 204, statusText: "No Content", ok: true, empty: true };
  assert.deepEqual(answers.empty, { ...empty, path: "/svc/empty", text: "", again: [true, ""] });
  assert.equal(answers.manual.type, "opaqueredirect");
  assert.equal(answers.manual.status, 0);
  assert.equal(answers.followed, "redirect_refused");
});

const cannotStream = { webkit: "it hands no stream over to another thread, so an answer comes when it is complete" };
test("a long answer is there while it comes in", cannotStream, async () => {
  const first = await page.evaluate(async (api) => {
    const answer = await auth.fetch(`${api}/svc/slow`);
    window.reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    return (await reader.read()).value;
  }, api);
  assert.equal(first, "one");
  release();
  assert.deepEqual(await page.evaluate(async () => [(await reader.read()).value, (await reader.read()).done]), ["two", true]);
});

test("every kind of body arrives, also with the retry after a 401", async () => {
  const sent = await page.evaluate(async (api) => {
    const form = new FormData();
    form.append("file", new File(["content"], "a.txt", { type: "text/plain" }));
    const bodies = {
      text: "plain text",
      json: new Blob(['{"a":1}'], { type: "application/json" }),
      query: new URLSearchParams({ a: "1 2" }),
      bytes: new Uint8Array([1, 2, 3]),
      form,
    };
    const statuses = {};
    for (const [name, body] of Object.entries(bodies)) {
      const [url, init] = [`${api}/svc/echo?${name}`, { method: "POST", body }];
      statuses[name] = (await (name === "form" ? auth.fetch(url, init) : auth.fetch(new Request(url, init)))).status;
    }
    await auth.fetch(`${api}/svc/refuse-once`);
    statuses.again = (await auth.fetch(`${api}/svc/echo?again`, { method: "PUT", body: "twice", headers: { "x-own": "1" } })).status;
    return statuses;
  }, api);
  assert.deepEqual(sent, { text: 200, json: 200, query: 200, bytes: 200, form: 200, again: 200 });
  const last = (name) => received.filter((request) => request.url === `/svc/echo?${name}`).at(-1);
  assert.equal(last("text").body, "plain text");
  assert.deepEqual([last("json").type, last("json").body], ["application/json", '{"a":1}']);
  assert.equal(last("query").body, "a=1+2");
  assert.equal(last("bytes").body, "\u0001\u0002\u0003");
  assert.match(last("form").type, /^multipart\/form-data; ?boundary=/);
  assert.match(last("form").body, /filename="a.txt"[^]*content/);
  const again = received.filter((request) => request.url === "/svc/echo?again");
  assert.deepEqual(again.map(({ method, body, own }) => [method, body, own]), [["PUT", "twice", "1"], ["PUT", "twice", "1"]]);
  assert.notEqual(again[0].authorization, again[1].authorization);
});

test("a call that is given up ends at once", async () => {
  const early = await page.evaluate(async (api) => {
    const early = await auth.fetch(`${api}/svc/hello`, { signal: AbortSignal.abort() }).catch(({ name }) => name);
    window.abort = new AbortController();
    window.hanging = auth.fetch(`${api}/svc/hang`, { signal: abort.signal }).catch((reason) => reason);
    return early;
  }, api);
  assert.equal(early, "AbortError");
  await waitFor(() => received.some(({ url }) => url === "/svc/hang"));
  const reason = await page.evaluate(() => {
    abort.abort("my reason");
    return hanging;
  });
  assert.equal(reason, "my reason");
});

test("a call that is given up while its answer comes in breaks the answer off", cannotStream, async () => {
  const read = await page.evaluate(async (api) => {
    const coming = new AbortController();
    const answer = await auth.fetch(`${api}/svc/slow`, { signal: coming.signal });
    const reading = answer.text().then(() => "all of it", () => "broken off");
    coming.abort();
    return reading;
  }, api);
  release();
  assert.equal(read, "broken off");
});

test("an address that is not an API's is fetched by the page, without a token", async () => {
  const mints = proxy.count("POST", TOKEN);
  const statuses = await page.evaluate(
    (api) =>
      Promise.all([
        auth.fetch(`${api}/other`).then((answer) => answer.status),
        auth.fetch(`${api}/svc/echo`, { headers: { authorization: "Basic mine" } }).then((answer) => answer.status),
      ]),
    api,
  );
  assert.deepEqual(statuses, [200, 200]);
  assert.deepEqual(received.map(({ authorization }) => authorization).sort(), ["Basic mine", undefined]);
  assert.equal(proxy.count("POST", TOKEN), mints);
});

test("trouble comes as the errors of the ordinary manager", async () => {
  const broken = await page.evaluate(
    (api) => auth.fetch(`${api}/svc/broken`).catch((error) => [error instanceof TypeError, error.code ?? "no code"]),
    api,
  );
  assert.deepEqual(broken, [true, "no code"]);
  await page.evaluate(() => auth.logout());
  const out = await page.evaluate(async (api) => {
    const { TokenError } = await import("/pkg/isolated.js");
    const error = await auth.fetch(`${api}/svc/echo`).catch((error) => error);
    return { ours: error instanceof TokenError, code: error.code, temporary: error.temporary, state: auth.state, told };
  }, api);
  assert.deepEqual(out, { ours: true, code: "signed_out", temporary: false, state: "signedout", told: [["signedin", "notes:read notes:write"], ["signedout", "logout"]] });
  const wrong = await page.evaluate(() => auth.login({ username: "alice", password: "wrong" }).catch((error) => error.code));
  assert.equal(wrong, "invalid_credentials");
});

test("a worker that does not start is told, and tried again with the next call", async () => {
  const results = await page.evaluate(async (api) => {
    const { createTokenManager } = await import("/pkg/isolated.js");
    let tries = 0;
    const worker = () => new Worker((tries += 1) === 1 ? "/pkg/nothing.js" : "/pkg/isolated-worker.js", { type: "module" });
    const second = createTokenManager({ iam: `${api}/iam`, apis: [`${api}/svc`], isolate: "worker", worker });
    const call = () => second.fetch(`${api}/svc/echo`).then((answer) => answer.status, ({ code, temporary }) => [code, temporary]);
    return [await call(), await call()];
  }, api);
  assert.deepEqual(results, [["worker_failed", true], 200]);
});

for (const [name, wait, expected] of [["just now", 0, /^[01]$/], ["a while ago", 2500, /^[2-9]$/]]) {
  test(`input in the page counts for the session, and calls alone do not: ${name}`, async () => {
    const idle = [];
    proxy.fault = (request) => {
      if (request.url === TOKEN) request.on("data", (chunk) => idle.push(new URLSearchParams(String(chunk)).get("idle_for")));
      return false;
    };
    await page.press("a");
    await page.evaluate((wait) => new Promise((resolve) => setTimeout(resolve, wait)), wait);
    await page.evaluate((api) => auth.fetch(`${api}/svc/refuse-once`).then(() => auth.fetch(`${api}/svc/echo`)).then(() => {}), api);
    assert.equal(idle.length, 1);
    assert.match(idle[0], expected);
  });
}

test("c141_back_from_the_cache_after_a_sign_out_no_token_is_sent_from_the_worker", async () => {
  await page.evaluate((api) => auth.fetch(`${api}/svc/echo`), api);
  const other = await context.newPage();
  await other.goto(ui);
  const back = await leaveAndComeBack(page, async () => {
    await other.evaluate(start, api);
    await other.evaluate(() => auth.logout());
    received.length = 0;
  });
  assert.equal(back.persisted, true);
  const code = await page.evaluate((api) => auth.fetch(`${api}/svc/echo`).catch((error) => error.code), api);
  assert.equal(code, "signed_out");
  assert.deepEqual(received, []);
});

test("after dispose nothing is called any more", async () => {
  const results = await page.evaluate(async (api) => {
    auth.dispose();
    return [auth.state, await auth.fetch(`${api}/svc/echo`).catch((error) => error.code)];
  }, api);
  assert.deepEqual(results, ["disposed", "disposed"]);
  assert.deepEqual(received, []);
});

test("an answer that was on its way when the manager was disposed of still comes", cannotStream, async () => {
  await page.evaluate(async (api) => {
    const answer = await auth.fetch(`${api}/svc/slow`);
    auth.dispose();
    window.rest = answer.text();
  }, api);
  release();
  assert.equal(await page.evaluate(() => rest), "onetwo");
});

test("the mistake to ask for it where it cannot be had is told", async () => {
  const messages = await page.evaluate(async () => {
    const [ordinary, isolated] = [await import("/pkg/index.js"), await import("/pkg/isolated.js")];
    const iam = "https://api.example.com/iam";
    const message = (make) => {
      try {
        return String(make());
      } catch (error) {
        return `${error.name}: ${error.message}`;
      }
    };
    return [
      message(() => ordinary.createTokenManager({ iam, isolate: "worker" })),
      message(() => isolated.createTokenManager({ iam })),
      message(() => isolated.createTokenManager({ iam, isolate: "worker", fetch })),
    ];
  });
  assert.match(messages[0], /^TypeError: .*sessionmint\/isolated/);
  assert.match(messages[1], /^TypeError: .*`isolate`/);
  assert.match(messages[2], /^TypeError: .*`fetch`/);
});

/** Requests to the API, preflights aside. */
const received = [];
let refusing = false;
let release = () => {};

/** The API. */
function service(request, response) {
  if (request.url.startsWith("/iam") || request.url.startsWith("/.well-known")) return false;
  const headers = {
    "access-control-allow-origin": request.headers.origin ?? "*",
    "access-control-allow-headers": "authorization, content-type, x-own",
    "access-control-allow-methods": "GET, PUT, POST, DELETE",
    "access-control-expose-headers": "x-told",
    "x-told": "yes",
  };
  const send = (status, body) => response.writeHead(status, headers).end(body);
  if (request.method === "OPTIONS") return send(204), true;
  const { url, method } = request;
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const { authorization, "content-type": type, "x-own": own } = request.headers;
    received.push({ url, method, authorization, type, own, body: Buffer.concat(chunks).toString("latin1") });
    if (url === "/svc/refuse-once") send(200, "noted"), (refusing = true);
    else if (refusing) send(401, "expired"), (refusing = false);
    else if (url === "/svc/missing") send(404, "no");
    else if (url === "/svc/empty") send(204);
    else if (url === "/svc/redirect") response.writeHead(302, { ...headers, location: "/svc/hello" }).end();
    else if (url === "/svc/broken") request.socket.destroy();
    else if (url === "/svc/slow") {
      response.writeHead(200, headers).write("one");
      release = () => response.end("two");
    } else if (url !== "/svc/hang") send(200, "hello");
  });
  return true;
}
