// The search for secrets at the end of each test file: it finds every kind of them, in any form.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Secrets } from "../harness/secrets.mjs";

/** 256 bits as they are written. */
const SECRET = "q7Zr0Tn3Vw-8LkXy_2MhGd5BsJc9PfEa1UoWiRtYvN4";
const BYTES = Buffer.from(SECRET, "base64url");

const form = (name) => (secrets) => secrets.sent("/iam/oauth/token", {}, `grant_type=x&${name}=${SECRET}&state=12345678`);
const json = (text) => (secrets) => secrets.received({}, text.replace("SECRET", SECRET));
const field = (name, value) => (secrets) => secrets.sent("/", { [name]: value });

const KINDS = [
  ["password", json('{"username":"ada","password":"SECRET"}')],
  ["password", json('{"current_password":"SECRET"}')],
  ["password", json('{"new_password":"SECRET"}')],
  ["client secret", form("client_secret")],
  ["client secret", json('{"secrets":[{"secret":"SECRET"}]}')],
  ["client secret", field("Authorization", `Basic ${Buffer.from(`server:${SECRET}`).toString("base64")}`)],
  ["client assertion", form("client_assertion")],
  ["authorization code", form("code")],
  ["authorization code", json('{"location":"https://app.example.com/callback?code=SECRET&state=1"}')],
  ["code verifier", form("code_verifier")],
  ["refresh token", form("refresh_token")],
  ["refresh token", json('{"refresh_token":"SECRET"}')],
  ["access token", json('{"access_token":"SECRET"}')],
  ["access token", field("authorization", `Bearer ${SECRET}`)],
  ["ID token", json('{"id_token":"SECRET"}')],
  ["ID token", (secrets) => secrets.sent(`/iam/oauth/end_session?id_token_hint=${SECRET}`)],
  ["token", form("token")],
  ["token", form("subject_token")],
  ["cookie", field("cookie", `a=b; __Host-Http-sid=${SECRET}`)],
  ["cookie", (secrets) => secrets.received({ "set-cookie": [`__Host-Http-ix=${SECRET}; Secure`] })],
  ["interaction handle", (secrets) => secrets.sent(`/iam/interactions/${SECRET}`)],
  ["interaction handle", (secrets) => secrets.received({ location: `https://login.example.com/?id=${SECRET}` })],
];

/** How somebody may keep it by mistake. */
const FORMS = [
  SECRET,
  SECRET.slice(7, 40),
  BYTES,
  BYTES.toString("hex"),
  BYTES.toString("hex").toUpperCase(),
  BYTES.toString("base64"),
  [...BYTES].join(", "),
  ...["", "a", "ab"].map((before) => Buffer.from(before + SECRET).toString("base64")),
];

test("c092_the_search_knows_every_kind_of_secret_in_every_form", () => {
  for (const [kind, pass] of KINDS) {
    const secrets = new Secrets();
    pass(secrets);
    for (const kept of FORMS) {
      const bytes = Buffer.concat([Buffer.from("something "), Buffer.from(kept), Buffer.from(" and more")]);
      assert.deepEqual([...secrets.foundIn(bytes)], [kind], String(kept));
    }
    assert.equal(secrets.foundIn(createHash("sha256").update(SECRET).digest()).size, 0, "a hash is none");
  }
});

test("of a signed token the signature is secret, and of a refresh token not its family", () => {
  const secrets = new Secrets();
  const [signed, family] = ["eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c3JfMTIzNDU2Nzg5MCJ9.", "AAECAwQFBgcICQoLDA0ODwAAAAAAAAAB"];
  secrets.add("access token", signed + SECRET);
  const other = SECRET.split("").reverse().join("");
  secrets.add("refresh token", `smr_${family}${other}${other}`);
  assert.equal(secrets.foundIn(signed + family).size, 0);
  assert.deepEqual([...secrets.foundIn(SECRET + other)], ["access token", "refresh token"]);
});

test("c092_a_test_file_fails_that_leaves_a_secret_in_a_database_or_the_log", () => {
  const folder = mkdtempSync(join(tmpdir(), "secrets-"));
  try {
    const secrets = new Secrets();
    secrets.add("password", 'two "quoted" words');
    writeFileSync(join(folder, "iam.toml"), 'two "quoted" words');
    secrets.check(folder, ["nothing", "in here"]);
    const kept = (place) => ({ message: /secrets were kept/, actual: [`password in ${place}`] });
    for (const written of ['two "quoted" words', 'two \\"quoted\\" words', "two+%22quoted%22+words", "two%20%22quoted%22%20words"]) {
      assert.throws(() => secrets.check(folder, ["nothing", `it was ${written}`]), kept("the log"));
    }
    writeFileSync(join(folder, "iam.db-wal"), `\0\0\0two "quoted" words\0`);
    assert.throws(() => secrets.check(folder, []), kept("iam.db-wal"));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
