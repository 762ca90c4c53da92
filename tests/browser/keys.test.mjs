// The signing key is replaced while the app is open: nobody notices.
import assert from "node:assert/strict";
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import { after, before, test } from "../harness/behaviour.mjs";
import { launch } from "../harness/browser.mjs";
import { PASSWORD, startDemo } from "../harness/stack.mjs";

let demo, browser;

before(async () => {
  demo = await startDemo({ config: "[keys]\njwks_max_age_secs = 10\n", client: ["--ttl", "5"], proxied: true });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

test("c070_the_key_is_replaced_while_the_app_is_open_and_no_call_is_refused", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  /** The app's calls of its API, each with its status and the token that the browser sent. */
  const calls = () =>
    demo.seen
      .filter(({ method, path, status }) => method === "GET" && path === "/notes" && status !== undefined)
      .map(({ status, headers }) => ({ status, token: headers.authorization.replace(/^Bearer /, "") }));
  await page.goto(demo.ui);
  await page.fill("username", demo.iam.user);
  await page.fill("password", PASSWORD);
  await page.click("login-submit");
  await page.see("notes-list");
  const kid = (call) => decodeProtectedHeader(call.token).kid;
  const call = async () => {
    const before = calls().length;
    await page.click("call-once");
    for (const end = Date.now() + 10_000; calls().length === before && Date.now() < end; ) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return calls().at(-1);
  };
  const published = () =>
    page.evaluate(async (url) => {
      const set = await (await fetch(url, { cache: "no-store", credentials: "omit" })).json();
      return set.keys.map((key) => key.kid);
    }, `${demo.iam.issuer}/.well-known/jwks.json`);

  const first = kid(await call());
  assert.deepEqual(await published(), [first]);
  const second = demo.iam.cli("keys", "rotate").trim();
  // Published at once, and the signature of none before everybody can know it.
  await page.until(
    async ({ url, count }) => (await (await fetch(url, { cache: "no-store", credentials: "omit" })).json()).keys.length === count,
    { url: `${demo.iam.issuer}/.well-known/jwks.json`, count: 2 },
  );
  assert.deepEqual(await published(), [first, second]);
  for (const end = Date.now() + 60_000; kid(await call()) !== second && Date.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  assert.deepEqual(await published(), [first, second], "until the last token of the old key is over");
  await call();

  const kids = calls().map(kid);
  const change = kids.indexOf(second);
  assert.ok(change > 0, `the new key signs after a cache age: ${kids}`);
  assert.deepEqual(new Set(kids.slice(0, change)), new Set([first]));
  assert.deepEqual(new Set(kids.slice(change)), new Set([second]));
  assert.deepEqual(new Set(calls().map(({ status }) => status)), new Set([200]), "no call is refused");
  const tokens = new Set(calls().map(({ token }) => token));
  assert.ok(tokens.size >= 4, `before, between and after: ${tokens.size} tokens`);
  // A verifier that fetches the set only now takes the tokens of both, as far as they are not over.
  const keys = createRemoteJWKSet(new URL(`${demo.iam.url}/iam/.well-known/jwks.json`));
  for (const token of tokens) {
    await jwtVerify(token, keys, {
      issuer: demo.iam.issuer,
      audience: demo.api,
      typ: "at+jwt",
      algorithms: ["ES256"],
      currentDate: new Date(JSON.parse(Buffer.from(token.split(".")[1], "base64url")).iat * 1000),
    });
  }
  assert.equal(new URL(await page.url()).pathname, "/", "no sign-in in between");
  assert.equal(demo.iam.log.count(/login_required/), 1, "but the one before the sign-in");
  assert.deepEqual(page.errors.filter((error) => !/401|Unauthorized/.test(error)), []);
  await context.close();
});
