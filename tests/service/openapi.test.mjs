// Requests that a tool makes up from the OpenAPI document: whatever comes, the running service answers as documented.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { COOKIE, login, mint, send } from "../harness/client.mjs";
import { startIam } from "../harness/stack.mjs";

const ISSUER = "http://api.app.localhost:4181/iam";
const ORIGIN = "http://ui.app.localhost:4180";
const CHECKS = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_headers_conformance",
  "response_schema_conformance",
].join(",");

let iam, cookie, token;

before(async () => {
  iam = await startIam({ issuer: ISSUER, origin: ORIGIN, resource: "http://api.app.localhost:4181" });
  const { session } = await login(iam.url, { origin: ORIGIN, username: iam.user });
  cookie = `${COOKIE}=${session}`;
  const form = `grant_type=session&scope=account&resource=${encodeURIComponent(ISSUER)}`;
  token = (await mint(iam.url, { origin: ORIGIN, cookie, form })).json.access_token;
  assert.ok(token);
});

after(() => iam?.stop());

/** Runs schemathesis on some operations, while the lines of the service are read: a full pipe would stop it. */
async function probe({ headers, select }) {
  const schemathesis = join(dirname(process.env.PYTHON), "st");
  const words = [
    ...["run", `${iam.url}/iam/openapi.json`, "--url", iam.url, "--checks", CHECKS, "--seed", "7", "--no-color"],
    ...["--phases", "fuzzing", "--max-examples", "15", "--generation-database", "none"],
    ...headers.flatMap((header) => ["--header", header]),
    ...select,
  ];
  const { error, stdout, stderr } = await new Promise((done) => {
    execFile(schemathesis, words, { cwd: iam.folder, timeout: 60_000 }, (error, stdout, stderr) => done({ error, stdout, stderr }));
  });
  assert.equal(error, null, `${stdout}\n${stderr}`);
  assert.match(stdout, /[1-9]\d* generated/, stdout);
}

test("the cookie endpoints, with a session", async () => {
  await probe({ headers: [`Origin: ${ORIGIN}`, `Cookie: ${cookie}`], select: ["--include-tag", "tokens", "--include-tag", "sessions"] });
});

test("the account and the public documents, with a token", async () => {
  await probe({
    headers: [`Authorization: Bearer ${token}`],
    select: ["--include-tag", "account", "--include-tag", "discovery"],
  });
});

test("anything, from nowhere", async () => {
  await probe({ headers: [], select: [] });
});

test("the service is as well as before", async () => {
  assert.equal((await send(iam.url, { path: "/iam/.well-known/jwks.json" })).status, 200);
  const { session } = await login(iam.url, { origin: ORIGIN, username: iam.user });
  assert.equal((await mint(iam.url, { origin: ORIGIN, cookie: `${COOKIE}=${session}` })).status, 200);
  assert.equal(iam.log.count(/panic/), 0);
});
