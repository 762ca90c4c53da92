// Pages that stand still: the back/forward cache and frozen tabs, with a sign-out in another tab meanwhile.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "../harness/behaviour.mjs";
import { leaveAndComeBack, startBare, TOKEN } from "../harness/bare.mjs";
import { PASSWORD } from "../harness/stack.mjs";

let bare, ui, api, iam, proxy, browser, context, tab, other;

before(async () => {
  bare = await startBare({ answer: service });
  ({ ui, api, iam, proxy, browser } = bare);
});

after(() => bare?.stop());

beforeEach(async () => {
  await context?.close();
  context = await browser.newContext();
  [tab, other] = [await context.newPage(), await context.newPage()];
  await other.goto(ui);
  await other.evaluate(manager, api);
  await other.evaluate(({ user, password }) => window.auth.login({ username: user, password }), {
    user: iam.user,
    password: PASSWORD,
  });
  await tab.goto(ui);
  await tab.evaluate(manager, api);
  await tab.evaluate(() => window.auth.getToken());
  proxy.seen.length = 0;
});

test("c141_back_from_the_cache_after_a_sign_out_no_token_is_sent_and_the_app_is_told", async () => {
  const back = await leaveAndComeBack(tab, () => other.evaluate(() => window.auth.logout()));
  assert.deepEqual(back, { persisted: true, token: false });
  await tab.until(() => window.told.includes("signedout:session_ended"));
  const code = await tab.evaluate((api) => window.auth.fetch(`${api}/notes`).catch((error) => error.code), api);
  assert.equal(code, "signed_out");
  const bearing = proxy.seen.filter((request) => request.headers.authorization);
  assert.deepEqual(bearing, []);
});

test("c141_back_from_the_cache_with_the_session_alive_one_mint_confirms_it", async () => {
  const back = await leaveAndComeBack(tab, () => other.evaluate(() => window.auth.dispose()));
  assert.deepEqual(back, { persisted: true, token: false });
  assert.equal(await tab.evaluate((api) => window.auth.fetch(`${api}/notes`).then((answer) => answer.status), api), 200);
  assert.equal(proxy.count("POST", TOKEN), 1, "the call used the mint that the return had started");
  assert.equal(await tab.evaluate(() => window.auth.state), "signedin");
});

const cannotFreeze = { firefox: "it freezes no tabs", webkit: "its driver freezes no tabs" };
test("c141_a_tab_that_was_frozen_during_a_sign_out_has_no_token_when_it_runs_again", cannotFreeze, async () => {
  // playwright keeps every page visible; a visible one is never frozen, so puppeteer drives Chromium here.
  const { default: puppeteer } = await import("puppeteer-core");
  const chromium = await puppeteer.launch({ browser: "chrome", executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
  try {
    const [frozen, front] = [await chromium.newPage(), await chromium.newPage()];
    for (const page of [frozen, front]) {
      await page.goto(ui);
      await page.evaluate(manager, api);
    }
    // By a timer: a hidden page draws nothing.
    const until = (condition) => frozen.waitForFunction(condition, { polling: 20 });
    const user = { username: iam.user, password: PASSWORD };
    await frozen.evaluate(async (user) => {
      await window.auth.login(user);
      window.seen = [];
      document.addEventListener("resume", () => (window.resumed = true));
      setInterval(() => window.seen.push({ resumed: window.resumed === true, token: window.auth.peek() !== undefined }), 10);
    }, user);
    await front.bringToFront();
    await until(() => document.visibilityState === "hidden" && window.seen.some((look) => look.token));
    const devtools = await frozen.createCDPSession();
    await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
    await front.evaluate(() => window.auth.logout());
    proxy.seen.length = 0;
    await devtools.send("Page.setWebLifecycleState", { state: "active" });
    await until(() => window.seen.some((look) => look.resumed));
    assert.deepEqual((await frozen.evaluate(() => window.seen)).filter((look) => look.resumed && look.token), []);
    assert.equal(proxy.count("POST", TOKEN), 0, "nobody looks at it, so it asks nothing");
    await frozen.bringToFront();
    await until(() => window.told.includes("signedout:session_ended"));
  } finally {
    await chromium.close();
  }
});

async function manager(api) {
  const { createTokenManager } = await import("/pkg/index.js");
  window.auth = createTokenManager({ iam: `${api}/iam`, apis: [api] });
  window.told = [];
  window.auth.on("signedout", ({ reason }) => window.told.push(`signedout:${reason}`));
}

/** The sample API: what is not the IAM's. */
function service(request, response) {
  if (request.url !== "/notes") return false;
  response.writeHead(request.method === "OPTIONS" ? 204 : 200, {
    "access-control-allow-origin": request.headers.origin ?? "*",
    "access-control-allow-headers": "authorization",
  });
  response.end();
  return true;
}
