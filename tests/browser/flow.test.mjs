// The main job, in a real browser against the real service: the eight steps from a protected page to a called API.
import assert from "node:assert/strict";
import { after, before, test } from "../harness/behaviour.mjs";
import { launch } from "../harness/browser.mjs";
import { PASSWORD, startDemo } from "../harness/stack.mjs";

let demo, browser;

before(async () => {
  demo = await startDemo({ proxied: true });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await demo?.stop();
});

async function signedIn(context, path = "/", user = demo.iam.user) {
  const page = await context.newPage();
  await page.goto(`${demo.ui}${path}`);
  await page.see("login-form");
  await page.fill("username", user);
  await page.fill("password", PASSWORD);
  await page.click("login-submit");
  return page;
}

const stepsDone = () =>
  [...document.querySelectorAll("[data-step]")].filter((s) => s.dataset.done === "true").map((s) => s.dataset.step).join("");

test("the eight steps: protected page, splash, no session, login, cookie, back, silent mint, call", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const refused = demo.iam.log.lines.length;

  // 1-4: the protected page shows a splash, tries a mint, has no session, and goes to the login page with a return-to.
  await page.goto(`${demo.ui}/`);
  await page.see("login-form");
  await demo.iam.log.line(/grant="?session"? outcome="?login_required/, { from: refused });
  assert.match(await page.url(), /\/login\?next=/);
  await page.screenshot("1-login");

  // 5-6: a wrong password is refused and leaves no session.
  await page.fill("username", demo.iam.user);
  await page.fill("password", "not the password");
  await page.press("Enter");
  await page.see("login-error");
  assert.equal((await cookies(context)).length, 0);
  await page.screenshot("2-login-refused");
  await page.evaluate(() => (document.querySelector('[data-testid="password"]').value = ""));
  await page.fill("password", PASSWORD);
  await page.press("Enter");

  // 7-8: back on the protected page, minted silently, the notes service called.
  await page.see("notes-list");
  assert.equal(new URL(await page.url()).pathname, "/");
  await page.until(() => document.querySelectorAll('[data-step][data-done="true"]').length === 8);
  assert.equal(await page.evaluate(stepsDone), "12345678");
  await page.fill("note-input", "Milk, and the proof that it works");
  await page.click("note-add");
  await page.until(() => document.querySelector('[data-testid="notes-list"]').textContent.includes("the proof that it works"));
  await page.screenshot("3-notes");

  // The session cookie is where it should be, and script cannot read it.
  const [cookie, ...others] = await cookies(context);
  assert.deepEqual(others, []);
  assert.equal(cookie.name, "__Host-Http-sid");
  assert.equal(cookie.domain, new URL(demo.api).hostname);
  assert.equal(cookie.path, "/");
  assert.equal(cookie.httpOnly, true);
  assert.equal(cookie.secure, true);
  assert.equal(cookie.sameSite.toLowerCase(), "strict");
  assert.equal(await page.evaluate(() => document.cookie), "");
  assert.deepEqual(page.errors.filter((error) => !/401|Unauthorized/.test(error)), [], "no console error but the refusals");

  // A reload mints silently from the session: no login page, no second sign-in.
  await page.reload();
  await page.see("notes-list");
  await page.until(() => document.querySelector('[data-testid="notes-list"]').textContent.includes("the proof that it works"));
  await context.close();
});

test("c135_the_token_is_in_no_storage_and_no_property_of_the_window", async () => {
  const context = await browser.newContext();
  const page = await signedIn(context);
  await page.see("notes-list");
  await page.click("call-once");
  await page.until(() => Number(document.querySelector('[data-testid="mint-count"]').textContent) >= 1);
  assert.deepEqual((await page.evaluate(scanForTokens)).places, []);

  // The scan itself finds what is planted.
  await page.evaluate(() => {
    const token = ["eyJhbGciOiJFUzI1NiJ9", "eyJzdWIiOiJ1c3JfMSJ9", "c2lnbmF0dXJlLWhlcmU"].join(".");
    localStorage.setItem("planted", token);
    window.planted = { deep: token };
  });
  const { places } = await page.evaluate(scanForTokens);
  for (const planted of ["localStorage.planted", "window.planted.deep"]) assert.ok(places.includes(planted), places.join());
  await context.close();
});

test("c143_no_text_becomes_markup_or_script_in_the_apps_pages", async () => {
  const context = await browser.newContext();
  const page = await signedIn(context);
  await page.see("notes-list");
  const refused = await page.evaluate(() => {
    const image = "<img src=x onerror=alert(1)>";
    const attempts = {
      markup: () => (document.body.innerHTML = image),
      script: () => (document.createElement("script").text = "alert(1)"),
      policy: () => globalThis.trustedTypes.createPolicy("mine", { createHTML: (text) => text }),
    };
    const fails = (attempt) => {
      try {
        attempt();
        return false;
      } catch {
        return true;
      }
    };
    return Object.keys(attempts).filter((name) => fails(attempts[name]));
  });
  assert.deepEqual(refused, ["markup", "script", "policy"]);
  await context.close();
});

test("a 15 second token is renewed in use, and the timeline shows it", async () => {
  const context = await browser.newContext();
  const page = await signedIn(context);
  await page.see("notes-list");
  await page.click("short-switch");
  const shortMint = () => Number(document.querySelector('[data-testid="mint-count"]').textContent);
  const first = await page.evaluate(shortMint);
  const until = Date.now() + 35_000;
  while (Date.now() < until && (await page.evaluate(shortMint)) < first + 2) {
    await page.click("call-once");
    await new Promise((resolve) => setTimeout(resolve, 400));
  }
  assert.ok((await page.evaluate(shortMint)) >= first + 2, "renewed while in use");
  assert.ok((await page.evaluate(() => document.querySelectorAll('[data-testid="token-bar"]').length)) >= 2);
  await page.screenshot("4-timeline");
  await page.click("short-switch");
  await page.until(() => !document.querySelector('[data-testid="short-switch"]').disabled);
  await context.close();
});

test("20 parallel calls ask for one token", async () => {
  const context = await browser.newContext();
  const page = await signedIn(context);
  await page.see("notes-list");
  const mints = demo.iam.mints();
  await page.click("burst");
  await page.until(() => /20/.test(document.querySelector('[data-testid="burst-result"]')?.textContent ?? ""));
  assert.ok(demo.iam.mints() - mints <= 1);
  await context.close();
});

test("the account page lists the sessions, ends another one, and signs out", async () => {
  const [one, two] = [await browser.newContext(), await browser.newContext()];
  const page = await signedIn(one);
  await page.see("notes-list");
  const other = await signedIn(two);
  await other.see("notes-list");
  await page.click("account-link");
  await page.see("sessions-list");
  await page.screenshot("5-account");
  assert.match(await page.text("sessions-list"), /this|current/i);

  await page.click("end-others");
  await page.until(() => document.querySelectorAll('[data-testid="session-row"]').length === 1);
  await other.reload();
  await other.see("login-form");

  await page.click("sign-out");
  await page.see("login-form");
  assert.equal((await cookies(one)).length, 0);
  await page.goto(`${demo.ui}/`);
  await page.see("login-form");
  await one.close();
  await two.close();
});

test("a session ended elsewhere leads to the login page with a notice, and back", async () => {
  const [one, two] = [await browser.newContext(), await browser.newContext()];
  const page = await signedIn(one);
  await page.see("notes-list");
  const other = await signedIn(two);
  await other.see("notes-list");
  await other.click("account-link");
  await other.click("end-others");
  await other.until(() => document.querySelectorAll('[data-testid="session-row"]').length === 1);
  await page.click("burst");
  await page.see("login-form");
  await page.see("login-notice");
  await one.close();
  await two.close();
});

test("an outage of the service signs nobody out, and is over when it is over", async () => {
  const context = await browser.newContext();
  const page = await signedIn(context);
  await page.see("notes-list");
  await demo.iam.log.stop();
  await page.click("burst");
  await page.until(() => /20 of 20/.test(document.querySelector('[data-testid="burst-result"]')?.textContent ?? ""));
  assert.equal(new URL(await page.url()).pathname, "/", "still on the page, served with the token in hand");
  await demo.iam.start();
  await page.until(() => !document.querySelector('[data-testid="degraded-banner"]:not([hidden])'), undefined, 60_000);
  await page.click("burst");
  await page.until(() => /20 of 20 calls answered, with 1 mint/.test(document.querySelector('[data-testid="burst-result"]').textContent));
  await context.close();
});

test("c149_a_new_password_ends_the_other_browsers_session_and_the_old_one_is_refused", async () => {
  const user = "bertha";
  const changed = "a wholly other hedgehog 7";
  demo.iam.addUser(user);
  const [one, two] = [await browser.newContext(), await browser.newContext()];
  const page = await signedIn(one, "/account", user);
  await page.see("password-form");
  const other = await signedIn(two, "/", user);
  await other.see("notes-list");

  const change = async (current, next) => {
    for (const [field, text] of [["current-password", current], ["new-password", next]]) {
      await page.evaluate((id) => (document.querySelector(`[data-testid="${id}"]`).value = ""), field);
      await page.fill(field, text);
    }
    await page.press("Enter");
  };
  const told = (testid, text) =>
    page.until(([id, words]) => document.querySelector(`[data-testid="${id}"]`).textContent.includes(words), [testid, text]);
  const focused = () => document.activeElement?.dataset.testid;
  await change("not the password", changed);
  await told("password-error", "current password is wrong");
  assert.equal(await page.evaluate(focused), "current-password");
  await change(PASSWORD, "password");
  await told("password-error", "choose another new password");
  assert.equal(await page.evaluate(focused), "new-password");
  await page.screenshot("7-password-refused");
  await other.reload();
  await other.see("notes-list");

  await change(PASSWORD, changed);
  await told("password-changed", "signed out");
  assert.equal(await page.evaluate(() => document.querySelector('[data-testid="password-error"]').textContent), "");
  await page.until(() => document.querySelectorAll('[data-testid="session-row"]').length === 1);
  await page.screenshot("8-password-changed");
  await other.reload();
  await other.see("login-form");
  await page.reload();
  await page.see("password-form");

  await other.fill("username", user);
  await other.fill("password", PASSWORD);
  await other.click("login-submit");
  await other.until(() => document.querySelector('[data-testid="login-error"]').textContent !== "");
  await other.fill("password", changed);
  await other.click("login-submit");
  await other.see("notes-list");
  await one.close();
  await two.close();
});

test("the return address never leads to another site", async () => {
  for (const next of ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/\t/evil.example"]) {
    const context = await browser.newContext();
    const page = await signedIn(context, `/login?next=${encodeURIComponent(next)}`);
    await page.see("notes-list");
    assert.equal(new URL(await page.url()).origin, demo.ui, next);
    await context.close();
  }
});

test("the app is usable by keyboard alone", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${demo.ui}/`);
  await page.see("login-form");
  const focused = () => document.activeElement?.dataset.testid;
  for (let i = 0; i < 10 && (await page.evaluate(focused)) !== "username"; i++) await page.press("Tab");
  await page.type(demo.iam.user);
  await page.press("Tab");
  await page.type(PASSWORD);
  await page.press("Enter");
  await page.see("notes-list");
  const reached = new Set();
  for (let i = 0; i < 40; i++) {
    await page.press("Tab");
    reached.add(await page.evaluate(focused));
  }
  for (const id of ["call-once", "burst", "short-switch", "account-link", "note-input"]) assert.ok(reached.has(id), `${id} by Tab`);
  await context.close();
});

test("dark and narrow screens are looked after", async () => {
  const dark = await launch({ dark: true });
  const context = await dark.newContext();
  const page = await signedIn(context);
  await page.see("notes-list");
  await page.resize(390, 844);
  // WebKit's window has tools above the page that need some more.
  await page.until(() => innerWidth < 450);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  assert.equal(wide, false, "no sideways scrolling on a phone");
  const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const brightness = background.match(/[\d.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3;
  assert.ok(brightness < 80, `dark background, found ${background}`);
  await page.screenshot("6-phone-dark");
  await dark.close();
});

async function cookies(context) {
  return context.cookies(demo.api);
}

/** Looks for anything like a JWT in every place where a script of this origin could find it later. */
async function scanForTokens() {
  const JWT = /eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}/;
  const places = [];
  const check = (place, text) => {
    if (JWT.test(text)) places.push(place);
  };
  for (const name of ["localStorage", "sessionStorage"]) {
    for (const key of Object.keys(window[name])) check(`${name}.${key}`, `${key} ${window[name].getItem(key)}`);
  }
  check("cookie", document.cookie);
  check("url", location.href);
  check("name", window.name);
  check("history", JSON.stringify(history.state));
  check("document", document.documentElement.outerHTML);
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) check(`caches.${name}`, await (await cache.match(request)).text());
  }
  for (const { name } of (await indexedDB.databases?.()) ?? []) {
    const db = await new Promise((resolve, reject) => {
      const open = indexedDB.open(name);
      open.onsuccess = () => resolve(open.result);
      open.onerror = () => reject(open.error);
    });
    for (const store of db.objectStoreNames) {
      const all = db.transaction(store).objectStore(store).getAll();
      await new Promise((resolve) => (all.onsuccess = resolve));
      check(`indexedDB.${name}.${store}`, JSON.stringify(all.result));
    }
  }
  const seen = new Set();
  const walk = (value, path, depth) => {
    if (typeof value === "string") return check(path, value);
    if (value === null || !["object", "function"].includes(typeof value) || seen.has(value) || depth > 4) return;
    if (value instanceof Node) return;
    seen.add(value);
    for (const key of Reflect.ownKeys(value)) {
      let inner;
      try {
        inner = value[key];
      } catch {
        continue;
      }
      walk(inner, `${path}.${String(key)}`, depth + 1);
    }
  };
  walk(window, "window", 0);
  return { places };
}
