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
  assert.equal(await page.text("asks"), "to go on to Ledger & Sons, an app on this computer");
  await signIn();
  await page.see("consent");
  assert.match(await page.text("consent"), /Allow Ledger & Sons\?.*signed in as alice/s);
  assert.match(await page.text("scopes"), /user name.*Read your notes/s);
  assert.equal(await page.text("return-to"), "Then you go back to an app on this computer.");
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

test("a_user_sees_where_an_app_returns_to_whatever_it_calls_itself", async () => {
  const host = `${"very-long-name.".repeat(8)}phish.example:8443`;
  const uri = `https://${host}/bank.example/callback`;
  demo.iam.cli(
    ...["client", "add", "phish", "--name", "Your Bank", "--grant", "authorization_code", "--resource", demo.api],
    ...["--scope", "openid", "--redirect-uri", uri],
  );
  await page.goto(request({ client_id: "phish", redirect_uri: uri, scope: "openid" }).url);
  await page.see("login-form");
  assert.equal(await page.text("asks"), `to go on to Your Bank at ${host}`);
  await signIn();
  await page.see("consent");
  assert.equal(await page.text("return-to"), `Then you go back to ${host}.`);
  const wider = () => document.documentElement.scrollWidth - document.documentElement.clientWidth;
  assert.equal(await page.evaluate(wider), 0, "and all of it is in sight");
  await page.screenshot("code-flow-consent-long-host");
});

test("an_app_that_means_somebody_else_says_so", async () => {
  demo.iam.addUser("carol");
  const first = request({ prompt: "consent" });
  await page.goto(first.url);
  await signIn();
  await page.click("approve");
  const { id_token } = await redeem((await cameBack()).searchParams.get("code"), first.verifier);
  await page.goto(request({ prompt: "none", id_token_hint: id_token }).url);
  assert.ok((await cameBack()).searchParams.get("code"), "it is who is signed in");

  const other = await browser.newContext();
  try {
    const page = await other.newPage();
    const as = async (user) => {
      await page.fill("username", user);
      await page.fill("password", PASSWORD);
      await page.click("login-submit");
    };
    await page.goto(request({ prompt: "consent" }).url);
    await page.see("login-form");
    await as("carol");
    await page.see("consent");
    await page.goto(request({ prompt: "none", id_token_hint: id_token }).url);
    assert.equal((await cameBack(page)).searchParams.get("error"), "login_required");

    await page.goto(request({ id_token_hint: id_token }).url);
    await page.see("login-form");
    assert.match(await page.text("login"), /signed in as carol.*asks for the account that you used there before/s);
    await as("carol");
    await page.until(() => document.querySelector('[data-testid="username"]')?.value === "");
    assert.match(await page.text("login"), /signed in as carol/);
    await page.screenshot("code-flow-other-user");

    // At the sign-out too, and nobody is signed out for somebody else unasked.
    const query = new URLSearchParams({ id_token_hint: id_token, post_logout_redirect_uri: app.bye });
    await page.goto(`${demo.api}/iam/oauth/logout?${query}`);
    await page.see("sign-out");
    assert.match(await page.text("sign-out"), /signed in as carol.*Ledger & Sons means another account.*back to an app on this computer/s);
    await page.click("stay");
    await page.see("stayed");

    await page.goto(request({ id_token_hint: id_token }).url);
    await page.see("login-form");
    await as("alice");
    assert.ok((await cameBack(page)).searchParams.get("code"));
  } finally {
    await other.close();
  }
});

test("a_hint_that_nobody_can_check_leaves_a_way_to_sign_out", async () => {
  await page.goto(request({ prompt: "consent" }).url);
  await signIn();
  await page.see("consent");
  await page.goto(`${demo.api}/iam/oauth/logout?id_token_hint=x.y.z&client_id=ledger`);
  assert.match(await page.evaluate(() => document.body.textContent), /made a mistake.*still signed in/s);
  await page.raw.click("a");
  await page.see("sign-out");
  await page.click("confirm");
  await page.see("signed-out");
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

const loses = { webkit: "its driver loses a page that a script led to another site" };
test("back_leads_to_no_page_that_could_be_answered_again", loses, async () => {
  // Of its own: drivers lose track of a page that went back.
  const tab = await context.newPage();
  await tab.goto(`${demo.login}/`);
  await tab.see("nothing");
  await tab.goto(request({ prompt: "consent" }).url);
  await signIn(tab);
  await tab.see("consent");
  const consent = await tab.url();
  await tab.click("approve");
  const back = await cameBack(tab);
  // A page that is about to be left goes nowhere back.
  await tab.until(() => document.title === "Ledger" && document.readyState === "complete");
  await tab.evaluate(() => void setTimeout(() => history.back(), 100));
  await tab.until(() => document.querySelector('[data-testid="nothing"]') !== null);
  await tab.close();
  // Nor does the address of the consent, or the app's own request again, give the code away a second time.
  await page.goto(consent);
  await page.see("over");
  await page.goto(request({ prompt: "none" }).url);
  assert.notEqual((await cameBack()).searchParams.get("code"), back.searchParams.get("code"));
});

test("two_tabs_go_their_ways", async () => {
  const second = await context.newPage();
  await page.goto(request({ prompt: "consent", state: "first" }).url);
  await page.see("login-form");
  await second.goto(request({ prompt: "consent", state: "second" }).url);
  await signIn(second);
  await second.see("consent");
  await signIn();
  await page.see("consent");
  await second.click("approve");
  assert.equal((await cameBack(second)).searchParams.get("state"), "second");
  await page.click("deny");
  const back = await cameBack();
  assert.deepEqual([back.searchParams.get("state"), back.searchParams.get("error")], ["first", "access_denied"]);
});

test("t30_no_other_page_frames_the_pages", async () => {
  await page.goto(request({ prompt: "consent" }).url);
  await page.see("login-form");
  const address = await page.url();
  const asked = () => demo.seen.filter(({ method, path }) => method === "GET" && path.includes("/interactions/")).length;
  const before = asked();
  await page.goto(app.origin);
  await page.evaluate(
    (src) =>
      new Promise((resolve) => {
        const frame = document.createElement("iframe");
        frame.onload = resolve;
        frame.src = src;
        document.body.append(frame);
      }),
    address,
  );
  await page.goto(address);
  await page.see("login-form");
  assert.equal(asked(), before + 1, "only the page on its own asked what to show");
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
  assert.match(await page.text("sign-out"), /signed in as alice.*Ledger & Sons asks to sign you out/s);
  await page.click("confirm");
  assert.equal(String(await cameBack()), `${app.bye}?state=s`);
  // With nobody signed in there is nothing to ask.
  await page.goto(`${demo.api}/iam/oauth/logout?${query}`);
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
