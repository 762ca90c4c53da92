// axios and other clients on `auth.fetch`, over sockets: who gets the token, redirects, the try after a 401, the errors.
// The clients are those of the guides.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { pathToFileURL } from "node:url";
import { codeOf, startService } from "../../crates/browser/test/support.mjs";
import { writeGuides } from "./guides.mjs";
import { install } from "./project.mjs";

let axios, attachAuth, tokenError, createTokenManager, TokenError, clients;
let service, foreign, auth, http, detach;

before(async () => {
  await install();
  ({ default: axios } = await import("axios"));
  ({ attachAuth, tokenError } = await import("sessionmint/axios"));
  ({ createTokenManager, TokenError } = await import("sessionmint"));
  foreign = await startService();
  const guides = await writeGuides("export const auth = { fetch: (...args) => globalThis.authOfThisTest.fetch(...args) };");
  clients = await import(pathToFileURL(join(guides, "ky/clients.js")));
});

after(() => foreign?.stop());

beforeEach(async () => {
  service = await startService();
  foreign.seen.length = 0;
  auth = createTokenManager({ iam: service.iam, apis: [service.origin] });
  http = axios.create({ baseURL: service.origin });
  detach = attachAuth(http, auth);
});

afterEach(async () => {
  auth.dispose();
  await service.stop();
});

const bearers = (url) => service.seen.filter((request) => request.url === url).map((request) => request.headers.authorization);

/** Answers 401 to the tokens in `bad`, and JSON to all others. */
function refusing(...bad) {
  return (request, response) => {
    const token = request.headers.authorization?.replace("Bearer ", "");
    response.writeHead(bad.includes(token) ? 401 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify({ data: { token, method: request.method, body: request.body } }));
  };
}

test("axios: requests get a token, and the platform's answer comes back as axios gives it", async () => {
  service.api = refusing();
  const { data, status, headers } = await http.post("/notes", { text: "a note" });
  assert.deepEqual(data.data, { token: "token-1", method: "POST", body: '{"text":"a note"}' });
  assert.equal(status, 200);
  assert.equal(headers.get("content-type"), "application/json");
  assert.equal(service.seen.at(-1).headers["content-type"], "application/json");
});

test("c137_axios_sends_the_token_to_no_address_outside_of_apis", async () => {
  const { host } = new URL(service.origin);
  const { host: evil } = new URL(foreign.origin);
  auth.dispose();
  auth = createTokenManager({ iam: service.iam, apis: [`${service.origin}/svc`] });
  detach();
  attachAuth(http, auth);
  const requests = [
    { url: `${foreign.origin}/svc` },
    { url: "/svc", baseURL: foreign.origin },
    { url: `http://${host}@${evil}/svc`, allowAbsoluteUrls: true },
    { url: `//${evil}/svc`, baseURL: "http:" },
    { url: "/svc", baseURL: foreign.origin, adapter: "http" },
    { url: "/svc", baseURL: foreign.origin, fetchOptions: { headers: { authorization: "x" } } },
    { url: "/svc2" },
    { url: "/svc/../other" },
    { url: "/svc/..%2fother" },
    { url: "/svc", params: {}, baseURL: `${service.origin}/other` },
  ];
  for (const request of requests) await http.request(request).catch(() => {});
  assert.deepEqual([...foreign.seen, ...service.seen].filter((request) => /^Bearer/.test(request.headers.authorization)), []);
  assert.ok(foreign.seen.length > 3 && service.seen.length > 2, "they were ordinary requests");
  assert.equal(service.mints, 0);
  await http.get("/svc/notes");
  assert.deepEqual(bearers("/svc/notes"), ["Bearer token-1"]);
});

for (const status of [301, 302, 303, 307, 308]) {
  test(`c137_axios_does_not_follow_a_${status}_with_the_token`, async () => {
    service.api = (_request, response) => response.writeHead(status, { location: `${foreign.origin}/elsewhere` }).end();
    for (const more of [{}, { maxRedirects: 5 }, { fetchOptions: { redirect: "follow" } }, { adapter: "http" }]) {
      const error = await http.get("/moved", more).catch((error) => error);
      assert.ok(axios.isAxiosError(error));
      assert.equal(tokenError(error)?.code, "redirect_refused");
    }
    assert.deepEqual(foreign.seen, []);
  });
}

test("c138_axios_twenty_parallel_401s_cause_one_renewal_and_twenty_more_tries", async () => {
  await auth.getToken();
  service.api = refusing("token-1");
  const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => http.put("/notes", { n })));
  assert.deepEqual(answers.map(({ data }) => JSON.parse(data.data.body).n), [...answers.keys()], "each with its own body");
  assert.equal(service.mints, 2);
  assert.equal(service.count("/notes"), 40);
});

test("axios: a second 401 is the caller's, as an error of axios", async () => {
  service.api = refusing("token-1", "token-2");
  const error = await http.get("/notes").catch((error) => error);
  assert.ok(axios.isAxiosError(error));
  assert.equal(error.response.status, 401);
  assert.equal(tokenError(error), undefined);
  assert.deepEqual(bearers("/notes"), ["Bearer token-1", "Bearer token-2"]);
});

test("axios: the manager's errors can be told from all others", async () => {
  service.answer = () => ({ status: 401, body: { error: "login_required" } });
  const error = await http.get("/notes").catch((error) => error);
  assert.ok(axios.isAxiosError(error));
  assert.equal(error.code, "signed_out");
  const found = tokenError(error);
  assert.ok(found instanceof TokenError);
  assert.equal(found.code, "signed_out");
  assert.equal(tokenError(found), found);
  assert.equal(service.count("/notes"), 0);
  for (const other of [undefined, null, "signed_out", new Error("no"), new Error("no", { cause: new Error("signed_out") })]) {
    assert.equal(tokenError(other), undefined);
  }
});

test("axios: a caller's own Authorization, mocks and a taken back attachment are left alone", async () => {
  await http.get("/a", { headers: { authorization: "Basic eA==" } });
  await http.get("/b", { auth: { username: "x", password: "" } });
  const mocked = await http.get("/c", { adapter: async (config) => ({ data: config.headers.get("authorization"), status: 200, config }) });
  detach();
  await http.get("/d");
  assert.deepEqual([...bearers("/a"), ...bearers("/b"), mocked.data, ...bearers("/d")], ["Basic eA==", "Basic eDo=", undefined, undefined]);
  assert.equal(service.mints, 0);
});

test("axios: an abort and a timeout end the wait for a token", async () => {
  service.answer = () => "hang";
  const abort = new AbortController();
  const leaving = codeOf(http.get("/notes", { signal: abort.signal }));
  const hasty = codeOf(http.get("/notes", { timeout: 50 }));
  assert.equal(await hasty, "ETIMEDOUT");
  abort.abort();
  assert.equal(await leaving, "ERR_CANCELED");
  assert.equal(service.count("/notes"), 0);
});

for (const [name, call] of [
  ["ky", async ({ viaKy }, { origin }) => (await viaKy.post("notes", { prefixUrl: origin, json: { text: "a note" } }).json()).data],
  ["ofetch", async ({ viaOfetch }, { origin }) => (await viaOfetch("/notes", { baseURL: origin, method: "POST", body: { text: "a note" } })).data],
  [
    "openapi-fetch",
    async ({ viaOpenApi }, { origin }) => (await viaOpenApi.POST("/notes", { baseUrl: origin, body: { text: "a note" } })).data.data,
  ],
  [
    "graphql-request",
    async ({ viaGraphQL }, { origin }) => {
      viaGraphQL.setEndpoint(`${origin}/notes`);
      return viaGraphQL.request("{ text }");
    },
  ],
]) {
  test(`${name} with auth.fetch gets a token, and a better one after a 401`, async () => {
    globalThis.authOfThisTest = auth;
    service.api = refusing("token-1");
    const { token, method, body } = await call(clients, service);
    assert.deepEqual([token, method], ["token-2", "POST"]);
    assert.match(body, /text/);
    assert.deepEqual(bearers("/notes"), ["Bearer token-1", "Bearer token-2"]);
  });
}
