// Signing in to other apps.
// The operator's pages, on an origin of their own: sign-in, consent, sign-out, with the keyboard alone, light and dark.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import { after, afterEach, before, beforeEach, test } from "../harness/behaviour.mjs";
import { launch } from "../harness/browser.mjs";
import { PASSWORD, startDemo } from "../harness/stack.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let demo, app, secret, browser, dark, context, page;

before(async () => {
  demo = await startDemo({ proxied: true });
  app = await startApp();
  const added = demo.iam.cli(
    ...["client", "add", "ledger", "--name", "Ledger & Sons", "--grant", "authorization_code", "--json"],
    ...["--resource", demo.api, "--scope", "openid profile notes:read notes:write", "--redirect-uri", app.callback],
    ...["--post-logout-redirect-uri", app.bye],
  );
  secret = JSON.parse(added).secret;
  browser = await launch();
  dark = await launch({ dark: true });
});

after(async () => {
  await browser?.close();
  await dark?.close();
  await app?.stop();
  await demo?.stop();
});

beforeEach(async () => {
  context = await browser.newContext();
  page = await context.newPage();
});

afterEach(() => context.close());

/** The server side of another app: shows where a user came back to it. */
async function startApp() {
  const server = http.createServer((request, response) => {
    response.setHeader("content-type", "text/html");
    response.end('<!doctype html><html lang="en"><title>Ledger</title><p>Ledger</p>');
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${server.address().port}`;
  return {
    origin,
    callback: `${origin}/callback`,
    bye: `${origin}/bye`,
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A request of the app. */
function request(parameters = {}) {
  const verifier = randomBytes(32).toString("base64url");
  const query = new URLSearchParams({
    response_type: "code",
    client_id: "ledger",
    redirect_uri: app.callback,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
    scope: "openid profile notes:read",
    state: "a b&c",
    ...parameters,
  });
  return { verifier, url: `${demo.api}/iam/oauth/authorize?${query}` };
}

/** Where the user came back to the app. */
async function cameBack(to = page) {
  for (const end = Date.now() + 15_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const url = await to.url();
    if (url.startsWith(app.origin)) return new URL(url);
  }
  throw new Error(`the user is still at ${await to.url()}`);
}

async function signIn(to = page) {
  await to.see("login-form");
  await to.fill("username", demo.iam.user);
  await to.fill("password", PASSWORD);
  await to.click("login-submit");
}

async function redeem(code, verifier) {
  const response = await fetch(`${demo.iam.url}/iam/oauth/token`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`ledger:${secret}`)}` },
    body: new URLSearchParams({ grant_type: "authorization_code", code, code_verifier: verifier, redirect_uri: app.callback }),
  });
  return response.json();
}

/** Serious faults that people with assistive technology would meet. */
async function seriousFaults(of = page) {
  await of.raw.evaluate(axe);
  const { violations } = await of.evaluate(() => window.axe.run(document));
  return violations.filter(({ impact }) => impact === "serious" || impact === "critical").map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
}

test("a_user_signs_in_agrees_and_goes_back_to_the_app", async () => {
  const { url, verifier } = request();
  await page.goto(url);
  await page.see("login-form");
  assert.equal(new URL(await page.url()).origin, demo.login);
  await signIn();
  await page.see("consent");
  assert.match(await page.text("consent"), /Allow Ledger & Sons\?.*signed in as alice/s);
  assert.match(await page.text("scopes"), /user name.*Read your notes/s);
  await page.click("approve");
  const back = await cameBack();
  assert.equal(back.searchParams.get("state"), "a b&c");
  assert.equal(back.searchParams.get("iss"), `${demo.api}/iam`);
  const tokens = await redeem(back.searchParams.get("code"), verifier);
  assert.equal(tokens.scope, "notes:read openid profile");
  assert.deepEqual(page.errors, []);

  // Agreed to, and signed in: nothing is asked any more.
  const second = request({ prompt: "none" });
  await page.goto(second.url);
  const again = await cameBack();
  assert.ok((await redeem(again.searchParams.get("code"), second.verifier)).id_token);
});

test("c089_prompt_none_shows_nobody_anything", async () => {
  await page.goto(request({ prompt: "none" }).url);
  assert.equal((await cameBack()).searchParams.get("error"), "login_required");
});

test("the_keyboard_is_enough", async () => {
  await page.goto(request({ prompt: "consent" }).url);
  await page.see("login-form");
  await page.type(demo.iam.user);
  await page.press("Tab");
  await page.type(PASSWORD);
  await page.press("Enter");
  await page.see("consent");
  assert.equal(await page.evaluate(() => document.activeElement.tagName), "H1", "a screen reader says where one is");
  const focused = () => page.evaluate(() => document.activeElement.dataset.testid);
  const order = [];
  for (let i = 0; i < 3; i++) {
    await page.press("Tab");
    order.push(await focused());
  }
  assert.deepEqual(order, ["other", "approve", "deny"]);
  await page.press("Enter");
  assert.equal((await cameBack()).searchParams.get("error"), "access_denied");
});

test("somebody_else_can_sign_in_instead", async () => {
  demo.iam.addUser("bob");
  await page.goto(request({ prompt: "consent" }).url);
  await signIn();
  await page.click("other");
  await page.see("login-form");
  await page.fill("username", "bob");
  await page.fill("password", PASSWORD);
  await page.click("login-submit");
  await page.until(() => document.querySelector('[data-testid="user"]')?.textContent === "bob");
});

test("a_wrong_password_is_told_and_the_request_goes_on", async () => {
  await page.goto(request({ login_hint: "alice", prompt: "consent" }).url);
  await page.see("login-form");
  assert.equal(await page.evaluate(() => document.activeElement.dataset.testid), "password");
  await page.fill("password", "wrong");
  await page.click("login-submit");
  await page.until(() => document.querySelector('[data-testid="login-error"]').textContent !== "");
  assert.match(await page.text("login-error"), /do not match/);
  await page.fill("password", PASSWORD);
  await page.click("login-submit");
  await page.see("consent");
});

test("a_request_of_another_browser_is_over", async () => {
  await page.goto(request().url);
  await page.see("login-form");
  const address = await page.url();
  const other = await browser.newContext();
  try {
    const victim = await other.newPage();
    await victim.goto(address);
    await victim.see("over");
  } finally {
    await other.close();
  }
});

test("t17_an_app_asks_to_sign_out_and_the_user_says", async () => {
  await page.goto(request({ prompt: "consent" }).url);
  await signIn();
  await page.click("approve");
  await cameBack();
  const query = new URLSearchParams({ client_id: "ledger", post_logout_redirect_uri: app.bye, state: "s" });
  await page.goto(`${demo.api}/iam/oauth/logout?${query}`);
  await page.see("sign-out");
  await page.click("confirm");
  assert.equal(String(await cameBack()), `${app.bye}?state=s`);
  await page.goto(request({ prompt: "none" }).url);
  assert.equal((await cameBack()).searchParams.get("error"), "login_required");
});

test("c012_the_app_of_a_browser_client_cannot_fetch_its_way_to_a_code", async () => {
  await page.goto(request({ prompt: "consent" }).url);
  await signIn();
  await page.click("approve");
  await cameBack();
  const { url } = request({ prompt: "none" });
  await page.goto(`${demo.ui}/`);
  await page.see("notes-list");
  const fetched = await page.evaluate(async (url) => {
    const follow = (redirect) => fetch(url, { credentials: "include", redirect }).then((answer) => answer.type, () => "blocked");
    return [await follow("follow"), await follow("manual")];
  }, url);
  assert.deepEqual(fetched, ["blocked", "blocked"]);
});

const cannot = { webkit: "what its driver runs in a page is bound by the page's policy, which lets in no script of others" };

test("nobody_is_kept_out_by_faults_that_axe_finds", cannot, async () => {
  for (const [name, launched] of [["light", browser], ["dark", dark]]) {
    const own = await launched.newContext();
    try {
      const page = await own.newPage();
      await page.goto(request({ prompt: "consent" }).url);
      await page.see("login-form");
      await page.screenshot(`code-flow-login-${name}`);
      assert.deepEqual(await seriousFaults(page), [], `login, ${name}`);
      await signIn(page);
      await page.see("consent");
      await page.screenshot(`code-flow-consent-${name}`);
      assert.deepEqual(await seriousFaults(page), [], `consent, ${name}`);
      await page.goto(`${demo.login}/sign-out`);
      await page.see("sign-out");
      await page.screenshot(`code-flow-sign-out-${name}`);
      assert.deepEqual(await seriousFaults(page), [], `sign-out, ${name}`);
      await page.goto(`${demo.ui}/`);
      await page.see("notes-list");
      assert.deepEqual(await seriousFaults(page), [], `app, ${name}`);
    } finally {
      await own.close();
    }
  }
});
