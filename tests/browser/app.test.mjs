// The app in more than one tab, and in the back/forward cache.
// What ends a session in one tab ends it in all, and a page that was left shows nothing before it knows of a session.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "../harness/behaviour.mjs";
import { launch } from "../harness/browser.mjs";
import { PASSWORD, startDemo } from "../harness/stack.mjs";

let demo, browser, context, page, other;

before(async () => {
  demo = await startDemo({ proxied: true });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

beforeEach(async () => {
  context = await browser.newContext();
  page = await context.newPage();
  await page.goto(`${demo.ui}/`);
  await page.see("login-form");
  await page.fill("username", demo.iam.user);
  await page.fill("password", PASSWORD);
  await page.click("login-submit");
  await page.see("notes-list");
});

afterEach(async () => {
  demo.iam.log.signal("SIGCONT");
  await context.close();
});

/** A second tab of the signed-in app. */
async function openOther() {
  other = await context.newPage();
  await other.goto(`${demo.ui}/`);
  await other.see("notes-list");
}

/** Leaves the page by a link and comes back by the browser's button; gives what it looked like on the way. */
async function leaveAndComeBack(meanwhile) {
  // Firefox keeps no page that has a lock: that of the first mint goes after a second.
  await page.until(async () => (await navigator.locks.query()).held.length === 0);
  await page.evaluate(() => {
    const main = document.querySelector("main");
    const covered = () => main.inert && main.classList.contains("covered");
    const content = () => document.querySelector('[data-testid="notes-list"]') !== null;
    window.way = {};
    window.bearing = [];
    // After the app's own listeners, which were there first.
    addEventListener("pagehide", () => (window.way.left = { covered: covered() }));
    addEventListener("pageshow", ({ persisted }) => (window.way.back = { persisted, content: content() }));
    const { fetch } = window;
    window.fetch = (address, init) => {
      if (new Headers(init?.headers).has("authorization")) window.bearing.push(String(address));
      return fetch(address, init);
    };
    location.href = "/elsewhere";
  });
  await page.until(() => location.pathname === "/elsewhere" && document.readyState === "complete");
  await meanwhile();
  await page.evaluate(() => history.back());
  await page.until(() => window.way?.back !== undefined);
  return page.evaluate(() => window.way);
}

const expected = { left: { covered: true }, back: { persisted: true, content: false } };
const shows = () => ({
  splash: document.querySelector('[data-testid="splash"]') !== null,
  content: document.querySelector('[data-testid="notes-list"]') !== null,
  bearing: window.bearing.length,
});

test("c141_the_app_covers_itself_when_it_is_left_and_shows_itself_only_after_a_mint", async () => {
  const mints = demo.iam.mints();
  // The service takes no request until told to go on, so the mint of the return is under way.
  const way = await leaveAndComeBack(() => demo.iam.log.signal("SIGSTOP"));
  assert.deepEqual(way, expected);
  assert.deepEqual(await page.evaluate(shows), { splash: true, content: false, bearing: 0 });
  demo.iam.log.signal("SIGCONT");
  await page.see("notes-list");
  assert.equal(demo.iam.mints() - mints, 1);
  assert.equal(await page.evaluate(() => document.querySelector("main").inert), false);
});

test("c141_the_app_back_from_the_cache_after_a_sign_out_elsewhere_shows_the_login_page_and_sends_no_token", async () => {
  const way = await leaveAndComeBack(async () => {
    await openOther();
    await other.click("sign-out");
    await other.see("login-form");
  });
  assert.deepEqual(way, expected);
  await page.see("login-form");
  assert.deepEqual(await page.evaluate(shows), { splash: false, content: false, bearing: 0 });
});

for (const [how, prepare] of [
  ["", async () => {}],
  ["_also_of_one_that_mints_for_itself", () => page.click("burst")],
]) {
  test(`c141_a_sign_out_shows_the_login_page_of_the_apps_other_tabs_within_a_second${how}`, async () => {
    await openOther();
    await prepare();
    await page.evaluate(() => {
      const look = () => {
        if (document.querySelector('[data-testid="login-form"]')) window.outAt ??= Date.now();
      };
      // A timer would come late in a tab that nobody looks at.
      new MutationObserver(look).observe(document, { subtree: true, childList: true });
    });
    await other.evaluate(() => addEventListener("click", () => (window.outAt = Date.now()), { capture: true }));
    await other.click("sign-out");
    await page.see("login-form");
    await page.until(() => window.outAt !== undefined);
    const [from, to] = [await other.evaluate(() => window.outAt), await page.evaluate(() => window.outAt)];
    assert.ok(to - from < 1000, `${to - from} ms`);
    assert.match(await page.text("login-notice"), /another tab/);
  });
}

test("the steps of a second tab say where its token is from", async () => {
  await openOther();
  const { steps, minted } = await other.evaluate(() => ({
    steps: document.querySelector('[data-testid="stepper"] .steps').textContent,
    minted: Number(document.querySelector('[data-testid="mint-count"]').textContent),
  }));
  assert.match(steps, minted === 0 ? /Token handed over/ : /Token minted/);
});
