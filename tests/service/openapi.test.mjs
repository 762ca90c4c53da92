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
async function probe({ headers, select, of = iam }) {
  const schemathesis = join(dirname(process.env.PYTHON), "st");
  const words = [
    ...["run", `${of.url}/iam/openapi.json`, "--url", of.url, "--checks", CHECKS, "--seed", "7", "--no-color"],
    ...["--phases", "examples,fuzzing", "--max-examples", "15", "--generation-database", "none"],
    ...headers.flatMap((header) => ["--header", header]),
    ...select,
  ];
  const { error, stdout, stderr } = await new Promise((done) => {
    execFile(schemathesis, words, { cwd: of.folder, timeout: 120_000 }, (error, stdout, stderr) => done({ error, stdout, stderr }));
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

test("the permission checks and the admin API, with a service account that may do nearly everything", async () => {
  // A service of its own: what is made up here is written.
  const of = await startIam({ issuer: ISSUER, origin: ORIGIN, resource: "http://api.app.localhost:4181" });
  try {
    const kinds = ["users", "sessions", "clients", "grants", "consents", "roles", "groups", "records"];
    const permissions = [...kinds.flatMap((kind) => [`${kind}:read`, `${kind}:write`]), "keys:read", "audit:read"];
    of.cli("role", "add", "operator", ...permissions.flatMap((permission) => ["--permission", permission]));
    const added = of.cli(
      ...["client", "add", "root", "--grant", "client_credentials", "--resource", ISSUER],
      ...["--scope", "access:check admin", "--json"],
    );
    const { secret } = JSON.parse(added);
    of.cli("record", "add", "client:root", "operator", "/iam/**");
    const answer = await send(of.url, {
      method: "POST",
      path: "/iam/oauth/token",
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        authorization: `Basic ${Buffer.from(`root:${secret}`).toString("base64")}`,
      },
      body: "grant_type=client_credentials",
    });
    const bearer = `Bearer ${answer.json.access_token}`;
    const headers = [`Authorization: ${bearer}`];
    // What can take the caller's own rights away comes last.
    const roles = ["adminReplaceRole", "adminRemoveRole", "adminRemoveRecord"];
    const own = [...roles, "adminReplaceClient", "adminChangeClient", "adminRemoveClient"];
    const tags = ["--include-tag", "access", "--include-tag", "admin"];
    await probe({ of, headers, select: [...tags, ...own.flatMap((id) => ["--exclude-operation-id", id])] });
    const users = await send(of.url, { path: "/iam/admin/users", headers: { authorization: bearer } });
    assert.equal(users.status, 200);
    for (const kind of ["user.added", "client.added", "role.added", "group.added"]) {
      const path = `/iam/admin/audit?limit=500&kind=${kind}`;
      const { json } = await send(of.url, { path, headers: { authorization: bearer } });
      assert.ok(
        json.records.some(({ actor }) => actor.type === "client" && actor.id === "root"),
        `${kind}: what was made up reached the store`,
      );
    }
    await probe({ of, headers, select: own.flatMap((id) => ["--include-operation-id", id]) });
    assert.equal(of.log.count(/panic/), 0);
  } finally {
    await of.stop();
  }
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
