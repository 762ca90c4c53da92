// The adapters in their frameworks, as a bundler builds them, in Chromium: each framework's app goes through the same
// scenes. The service and the clock are those of `sessionmint/testing`, in the page.
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { launch } from "../harness/browser.mjs";
import { startFakeIam } from "../harness/fake-iam.mjs";
import { startSite } from "../harness/site.mjs";
import { writeGuides } from "./guides.mjs";
import { build, install, run } from "./project.mjs";

const APPS = {
  "React 19": { page: "/react.html", mode: "pages", version: /^19\./ },
  "React 18": { page: "/react.html", mode: "react18", version: /^18\./ },
  "Vue 3": { page: "/vue.html", mode: "pages", version: /^3\./ },
  "Svelte 5": { page: "/svelte.html", mode: "pages", version: /^5$/ },
};

/** Scene → what happens in the page, and what is to come of it. */
const SCENES = {
  "finds out who is signed in, with one mint": [
    async () => {
      const app = start({ withUser: true });
      await app.mount();
      await app.sees("signedin alice fine");
      const { shown, iam } = app;
      await app.end();
      return { first: shown[0], mints: iam.mint.count, lost: shown.includes("signedout nobody fine") };
    },
    { first: "unknown nobody fine", mints: 1, lost: false },
  ],

  "signs in, knows who it was, and signs out": [
    async () => {
      const app = start({ user: null });
      await app.mount();
      await app.sees("signedout nobody fine");
      app.click("login");
      await app.sees("signedin bob fine");
      app.click("logout");
      await app.sees("signedout nobody fine");
      const { shown, iam } = app;
      await app.end();
      return { shown, signedIn: iam.user };
    },
    {
      shown: ["unknown nobody fine", "signedout nobody fine", "signedin bob fine", "signedout nobody fine"],
      signedIn: undefined,
    },
  ],

  "takes the user from `loadUser` after a sign-in, and again after one as somebody else": [
    async () => {
      const app = start({ withUser: true });
      await app.mount();
      await app.sees("signedin alice fine");
      app.click("login");
      await app.sees("signedin bob fine");
      const { shown } = app;
      await app.end();
      return shown.slice(shown.indexOf("signedin alice fine"));
    },
    ["signedin alice fine", "signedin nobody fine", "signedin bob fine"],
  ],

  "tells trouble and its end, and signs nobody out for it": [
    async () => {
      const app = start({ withUser: true });
      await app.mount();
      await app.sees("signedin alice fine");
      app.iam.mint.always("network");
      await app.clock.pass(280_000);
      app.click("check");
      await app.sees("signedin alice network");
      app.iam.mint.always(undefined);
      app.click("check");
      await app.clock.pass(60_000);
      app.click("check");
      await app.sees("signedin alice fine");
      const { shown } = app;
      await app.end();
      return shown.slice(shown.indexOf("signedin alice fine"));
    },
    ["signedin alice fine", "signedin alice network", "signedin alice fine"],
  ],

  "says that it does not know yet while the service is away": [
    async () => {
      const app = start();
      app.iam.mint.always({ status: 503, retryAfter: 20 });
      await app.mount();
      await app.clock.pass(11_000);
      await app.sees("unknown nobody unavailable");
      app.iam.mint.always(undefined);
      await app.clock.pass(20_000);
      app.click("check");
      await app.sees("signedin nobody fine");
      const { shown } = app;
      await app.end();
      return shown;
    },
    ["unknown nobody fine", "unknown nobody unavailable", "signedin nobody fine"],
  ],

  "notices at the next mint that the session is over": [
    async () => {
      const app = start({ withUser: true });
      await app.mount();
      await app.sees("signedin alice fine");
      app.iam.endSession();
      await app.clock.pass(301_000);
      app.click("check");
      await app.sees("signedout nobody fine");
      await app.end();
    },
    undefined,
  ],

  "tries again to learn who it is": [
    async () => {
      const app = start({ withUser: true });
      app.trouble.now = new Error("no such address");
      await app.mount();
      await app.sees("signedin nobody user_not_loaded");
      app.trouble.now = undefined;
      await app.clock.pass(301_000);
      app.click("check");
      await app.sees("signedin alice fine");
      await app.end();
    },
    undefined,
  ],

  "renders nothing anew for a renewal": [
    async () => {
      const app = start({ withUser: true });
      await app.mount();
      await app.sees("signedin alice fine");
      const [mints, shown] = [app.iam.mint.count, app.shown.length];
      for (let round = 0; round < 3; round++) {
        await app.clock.pass(301_000);
        app.click("check");
        await app.settled();
      }
      const outcome = { renewed: app.iam.mint.count >= mints + 3, shown: app.shown.length - shown };
      await app.end();
      return outcome;
    },
    { renewed: true, shown: 0 },
  ],

  "asks nothing when it is told so": [
    async () => {
      const app = start({ ask: false });
      await app.mount();
      await app.settled();
      const { shown, iam } = app;
      const mints = iam.mint.count;
      await app.auth.getToken();
      await app.sees("signedin nobody fine");
      await app.end();
      return { before: shown[0], mints };
    },
    { before: "unknown nobody fine", mints: 0 },
  ],

  "leaves nothing behind when it is unmounted, and the manager alone": [
    async () => {
      const app = start({ withUser: true });
      const listening = [];
      for (let round = 0; round < 5; round++) {
        await app.mount();
        await app.sees("signedin alice fine");
        listening.push(app.listening());
        await app.unmount();
        listening.push(app.listening());
      }
      const state = app.auth.state;
      const mints = app.iam.mint.count;
      await app.end();
      return { listening, state, mints };
    },
    { listening: [5, 0, 5, 0, 5, 0, 5, 0, 5, 0], state: "signedin", mints: 1 },
  ],

  "survives that the manager is disposed of": [
    async () => {
      const app = start();
      await app.mount();
      await app.sees("signedin nobody fine");
      app.dispose();
      app.click("check");
      await app.sees("disposed nobody disposed");
      await app.end();
    },
    undefined,
  ],
};

/** In place of the guides' own: a manager on a fake service. */
const AUTH = `
  import { createTestAuth } from "sessionmint/testing";
  const api = (request, bearer) => {
    if (!bearer) return new Response("who are you", { status: 401 });
    if (request.url.endsWith("/moved")) return new Response(null, { status: 307, headers: { location: "https://elsewhere.example/" } });
    return request.text().then((body) => Response.json({ who: bearer.user.username, method: request.method, body }));
  };
  export const { auth, iam, clock, settled } = createTestAuth({ api });
  export const loadUser = async () => ({ id: iam.user.id, username: iam.user.username });
`;

let browser, context;
const sites = {};

before(async () => {
  await install();
  await writeGuides(AUTH);
  for (const mode of ["pages", "react18"]) sites[mode] = await startSite({ folders: [await build(mode)] });
  browser = await launch();
  context = await browser.newContext();
});

after(async () => {
  await browser?.close();
  for (const site of Object.values(sites)) await site.stop();
});

/** Opens a page and waits until it has `ready`. */
async function open({ page: path, mode, ready = "start" }) {
  const page = await context.newPage();
  await page.goto(sites[mode].origin + path);
  await page.until((name) => name in window, ready);
  return page;
}

for (const [name, app] of Object.entries(APPS)) {
  test(name, async (t) => {
    const page = await open(app);
    assert.match(await page.evaluate(() => version), app.version);
    for (const [scene, [play, outcome]] of Object.entries(SCENES)) {
      await t.test(scene, async () => {
        assert.deepEqual(await page.evaluate(play), outcome);
        assert.deepEqual(page.errors, []);
      });
    }
    await page.close();
  });
}

for (const name of ["React 19", "React 18"]) {
  test(`${name}: a page from the server is taken over as it is`, async () => {
    const page = await open(APPS[name]);
    const shown = await page.evaluate(async () => {
      const app = start({ withUser: true, hydrated: true });
      // The manager knows more by then than the server did.
      await app.auth.getToken();
      app.mount();
      await app.sees("signedin alice fine");
      await app.end();
      return app.shown;
    });
    assert.deepEqual(shown, ["unknown nobody fine", "signedin nobody fine", "signedin alice fine"]);
    assert.deepEqual(page.errors, [], "no difference was found");
    await page.close();
  });

  test(`${name}: another manager is another session, another function is not`, async () => {
    const page = await open(APPS[name]);
    const outcome = await page.evaluate(async () => {
      const [one, two] = [start({ withUser: true }), start({ user: { id: "usr_9", username: "carol" } })];
      const root = one.mount();
      await one.sees("signedin alice fine");
      const asked = one.iam.requests.length;
      root.render({ loadUser: async () => ({ id: "usr_1", username: "al" }) });
      await one.settled();
      const again = one.iam.requests.length - asked;
      root.render({ auth: two.auth, loadUser: async () => ({ id: "usr_9", username: "carol" }) });
      await one.sees("signedin carol fine");
      const left = one.listening();
      await one.end();
      await two.end();
      return { again, left };
    });
    assert.deepEqual(outcome, { again: 0, left: 0 });
    await page.close();
  });

  test(`${name}: without a provider the hook says what is missing`, async () => {
    const page = await open(APPS[name]);
    assert.match(await page.evaluate(() => withoutProvider()), /<AuthProvider>/);
    await page.close();
  });
}

test("on a server every framework renders that nothing is known, asks nothing and keeps no process", async () => {
  const script = join(await build("ssr"), "ssr.js");
  const { stdout } = await run("node", [script], { timeout: 30_000 });
  const unknown = "unknown nobody fine";
  assert.deepEqual(JSON.parse(stdout), { react: unknown, vue: unknown, svelte: unknown, requests: 0, state: "unknown" });
});

test("Angular: the guide's signal follows the session", async () => {
  const page = await openAngular();
  await page.until(() => document.body.textContent.includes("signedin alice fine"));
  await page.evaluate(() => login({ username: "bob", password: "x" }));
  await page.until(() => document.body.textContent.includes("signedin bob fine"));
  await page.evaluate(() => logout());
  await page.until(() => document.body.textContent.includes("signedout nobody fine"));
  assert.deepEqual(page.errors, []);
  await page.close();
});

test("c137_angular_the_guides_interceptor_sends_the_token_to_the_api_alone", async () => {
  const page = await openAngular();
  const outcome = await page.evaluate(async () => {
    const ask = (...request) =>
      new Promise((resolve) => {
        http.request(...request).subscribe({
          next: (body) => resolve({ body }),
          error: ({ name, status, error }) => resolve({ name, status, error: error?.code ?? error }),
        });
      });
    const api = "https://api.example.com";
    const posted = await ask("POST", `${api}/notes`, { body: { text: "a note" }, params: { a: "b c" } });
    iam.refuseTokens();
    const mints = iam.mint.count;
    const again = await ask("GET", `${api}/notes`, { responseType: "text" });
    const renewed = iam.mint.count - mints;
    const buffer = await ask("GET", `${api}/notes`, { responseType: "arraybuffer" });
    const moved = await ask("GET", `${api}/moved`);
    // Twice in a row is the API's mistake, so its answer is the caller's.
    iam.refuseTokens();
    const refused = await ask("GET", `${api}/notes`);
    iam.endSession();
    await clock.pass(301_000);
    const over = await ask("GET", `${api}/notes`);
    // Not the interceptor's: the platform's own request, which the page's server answers.
    const own = await ask("GET", "/angular.html", { responseType: "text" });
    const urls = iam.requests.filter(({ url }) => !url.includes("/iam/")).map(({ method, url, headers }) => [method, url, headers["content-type"]]);
    return { posted, again, renewed, buffer: buffer.body.byteLength, moved, refused, over, own: own.body.includes("<title>"), first: urls[0] };
  });
  const who = { who: "alice", method: "GET", body: "" };
  assert.deepEqual(outcome, {
    posted: { body: { who: "alice", method: "POST", body: '{"text":"a note"}' } },
    again: { body: JSON.stringify(who) },
    renewed: 1,
    buffer: JSON.stringify(who).length,
    moved: { name: "HttpErrorResponse", status: 0, error: "redirect_refused" },
    refused: { name: "HttpErrorResponse", status: 401, error: "who are you" },
    over: { name: "HttpErrorResponse", status: 0, error: "signed_out" },
    own: true,
    first: ["POST", "https://api.example.com/notes?a=b%20c", "application/json"],
  });
  await page.close();
});

async function openAngular() {
  // Compiling in the page needs more than an app that was built does.
  sites.pages.scripts = "'self' 'unsafe-eval'";
  const page = await open({ page: "/angular.html", mode: "pages", ready: "http" });
  return page;
}

test("c137_c138_axios_in_a_browser_keeps_the_token_from_other_hosts_and_redirects_and_tries_again_after_a_401", async () => {
  const foreign = await startFakeIam({ api: () => Response.json({}) });
  const api = (request, bearer) => {
    if (request.url.endsWith("/moved")) return new Response(null, { status: 307, headers: { location: new URL("/here", foreign.iam).href } });
    return bearer ? request.text().then((body) => Response.json({ body })) : new Response(null, { status: 401 });
  };
  const fake = await startFakeIam({ api });
  const page = await open({ page: "/axios.html", mode: "pages", ready: "connect" });
  const ask = (config) => page.evaluate((config) => window.ask(config), config);
  try {
    await page.evaluate((options) => connect(options), { iam: fake.iam, api: new URL(fake.iam).origin });
    assert.deepEqual(await ask({ method: "PUT", url: "/notes", data: { text: "a note" } }), { status: 200, data: { body: '{"text":"a note"}' } });
    fake.refuseTokens();
    assert.deepEqual(await ask({ method: "PUT", url: "/notes", data: { n: 2 } }), { status: 200, data: { body: '{"n":2}' } });
    assert.equal(fake.mints, 2);
    for (const adapter of ["xhr", "fetch", ["xhr", "http"]]) {
      assert.deepEqual(await ask({ url: "/moved", adapter }), { axios: true, code: "redirect_refused", status: undefined });
    }
    assert.deepEqual(foreign.requests, [], "nobody came there");
    assert.equal((await ask({ url: new URL("/notes", foreign.iam).href })).status, 200);
    assert.deepEqual(foreign.requests.map(({ headers }) => headers.authorization), [undefined]);
  } finally {
    await page.close();
    await Promise.all([fake.stop(), foreign.stop()]);
  }
});
