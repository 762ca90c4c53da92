// How the machine comes into a page: the wasm module or what stands in for it, and each way in which that fails told apart.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { after, afterEach, before, beforeEach, test } from "../harness/behaviour.mjs";
import { launch } from "../harness/browser.mjs";
import { engine } from "../harness/engine.mjs";
import { startFakeIam } from "../harness/fake-iam.mjs";
import { startSite } from "../harness/site.mjs";

const folders = [resolve(import.meta.dirname, "../../crates/browser"), resolve(import.meta.dirname, "pages")];
const ENTRIES = ["index", "external", "slim"];
const SCRIPTS = "'self' 'wasm-unsafe-eval'";
const FORBIDDEN = "'self'";
const FALLBACK = "/pkg/fallback.js";

let fake, site, browser, context, page;

before(async () => {
  fake = await startFakeIam();
  site = await startSite({ folders });
  browser = await launch();
  context = await browser.newContext();
});

after(async () => {
  await browser?.close();
  await Promise.all([fake?.stop(), site?.stop()]);
});

beforeEach(async () => {
  Object.assign(site, { scripts: SCRIPTS, policy: "", answer: () => false });
  site.seen.length = 0;
  // Of its own for each test: what a driver has to tell of the last one may come late.
  page = await context.newPage();
});

afterEach(() => page.close());

/** Asks for a token in a fresh page, `times` times one after the other; gives what came of each. */
async function ask(entry, { times = 1, wasm = "/pkg/sessionmint.wasm", fallback = false, sabotage = "" } = {}) {
  await page.goto(`${site.origin}/blank.html`);
  return page.evaluate(
    async ({ entry, times, wasm, fallback, sabotage, iam }) => {
      globalThis.violations = [];
      document.addEventListener("securitypolicyviolation", (event) => globalThis.violations.push(event.blockedURI));
      if (sabotage) delete globalThis[sabotage];
      const { createTokenManager } = await import(`/pkg/${entry}.js`);
      const slim = { wasm, fallback: fallback ? () => import("/pkg/fallback.js") : undefined };
      const auth = createTokenManager({ iam, ...(entry === "slim" ? slim : {}) });
      const results = [];
      while (results.length < times) {
        results.push(await auth.getToken().then(
          (token) => ({ token: /^token-\d+$/.test(token) }),
          ({ code, temporary, message, cause }) => ({ code, temporary, message, cause: String(cause) }),
        ));
      }
      auth.dispose();
      return results;
    },
    { entry, times, wasm, fallback, sabotage, iam: fake.iam },
  );
}

/** What the page's policy was reported to have stopped: what the page itself was told, beside what the driver noted. */
const violations = () => page.evaluate(() => globalThis.violations);
const fetched = (path) => site.seen.filter((seen) => seen === path).length;

/** Lets the fallback be missing, once or always. */
function answerFallback({ once = false } = {}) {
  site.answer = (request, response) => {
    if (request.url !== FALLBACK) return false;
    if (once) site.answer = () => false;
    response.writeHead(404).end();
    return true;
  };
}

/** Lets the module's file be answered so, once or always. */
function answerModule({ status = 200, type, body = "", once = false }) {
  site.answer = (request, response) => {
    if (!request.url.endsWith(".wasm")) return false;
    if (once) site.answer = () => false;
    response.writeHead(status, type ? { "content-type": type } : {}).end(body);
    return true;
  };
}

for (const entry of ENTRIES) {
  test(`${entry}: a token under a strict policy, without a report and without the fallback`, async () => {
    assert.deepEqual(await ask(entry, { fallback: true }), [{ token: true }]);
    assert.deepEqual(await violations(), []);
    assert.deepEqual(page.errors, []);
    assert.equal(fetched(FALLBACK), 0);
  });

  test(`${entry}: a token where the policy forbids WebAssembly, for at most one report`, async () => {
    site.scripts = FORBIDDEN;
    assert.deepEqual(await ask(entry, { fallback: true, times: 3 }), Array(3).fill({ token: true }));
    // WebKit refuses without a report.
    assert.deepEqual(await violations(), engine === "webkit" ? [] : ["wasm-eval"]);
    assert.equal(fetched(FALLBACK), 1);
  });

  test(`${entry}: a token where the browser has no WebAssembly, without a report`, async () => {
    assert.deepEqual(await ask(entry, { fallback: true, sabotage: "WebAssembly" }), [{ token: true }]);
    assert.deepEqual(await violations(), []);
    assert.deepEqual(page.errors, []);
    assert.equal(fetched(FALLBACK), 1);
    assert.equal(fetched("/pkg/sessionmint.wasm"), 0);
  });

  test(`${entry}: without the fallback, a policy that forbids WebAssembly is told`, async () => {
    site.scripts = FORBIDDEN;
    answerFallback();
    const [{ code, temporary, message, cause }] = await ask(entry);
    // The slim entry has none to be fetched here.
    assert.deepEqual({ code, temporary }, { code: "wasm_blocked_by_csp", temporary: entry !== "slim" });
    assert.match(message, /'wasm-unsafe-eval'/);
    assert.match(cause, entry === "slim" ? /^CompileError: / : /^TypeError: .*(dynamically imported module|Importing a module)/);
  });

  test(`${entry}: without the fallback, a browser without WebAssembly is told`, async () => {
    answerFallback();
    const [{ code, temporary }] = await ask(entry, { sabotage: "WebAssembly" });
    assert.deepEqual({ code, temporary }, { code: "wasm_missing", temporary: entry !== "slim" });
  });
}

for (const [policy, scripts] of [["that allows WebAssembly", SCRIPTS], ["that forbids it", FORBIDDEN]]) {
  test(`compat: a token under a strict policy ${policy}, without a report`, async () => {
    Object.assign(site, { scripts, policy: "require-trusted-types-for 'script'; trusted-types 'none'" });
    assert.deepEqual(await ask("compat"), [{ token: true }]);
    assert.deepEqual(await violations(), []);
    assert.deepEqual(page.errors, []);
  });
}

test("the next call looks again for a fallback that the network did not bring", async () => {
  answerFallback({ once: true });
  const [first, second] = await ask("index", { times: 2, sabotage: "WebAssembly" });
  assert.deepEqual([first.code, first.temporary], ["wasm_missing", true]);
  // Firefox remembers for the page what could not be imported.
  if (engine === "firefox") assert.deepEqual([second.code, second.temporary], ["wasm_missing", true]);
  else assert.deepEqual(second, { token: true });
});

for (const entry of ["external", "slim"]) {
  for (const type of ["application/octet-stream", "application/wasm; charset=utf-8", undefined]) {
    test(`${entry}: the module may come as ${type ?? "nothing in particular"}`, async () => {
      const body = await readFile(resolve(folders[0], "pkg/sessionmint.wasm"));
      answerModule({ type, body });
      assert.deepEqual(await ask(entry), [{ token: true }]);
    });
  }

  for (const [name, answer] of [
    ["a 404", { status: 404, type: "text/plain" }],
    ["the app's page in its place", { type: "text/html; charset=utf-8", body: "<!doctype html>" }],
  ]) {
    test(`${entry}: ${name} is told, with the address, and the next call looks again`, async () => {
      answerModule({ ...answer, once: true });
      const [{ code, temporary, message }, second] = await ask(entry, { times: 2 });
      assert.deepEqual({ code, temporary }, { code: "wasm_not_found", temporary: false });
      assert.ok(message.includes(`${site.origin}/pkg/sessionmint.wasm`), message);
      assert.deepEqual(second, { token: true });
      assert.equal(fetched(FALLBACK), 0, "the fallback does not hide a mistake");
    });
  }

  test(`${entry}: a server in trouble is a temporary error, and the next call looks again`, async () => {
    answerModule({ status: 503, type: "text/plain", once: true });
    const [{ code, temporary }, second] = await ask(entry, { times: 2 });
    assert.deepEqual({ code, temporary }, { code: "wasm_failed", temporary: true });
    assert.deepEqual(second, { token: true });
  });

  test(`${entry}: bytes that are no module are told apart from all that`, async () => {
    answerModule({ type: "application/wasm", body: "no module" });
    const [{ code }] = await ask(entry);
    assert.equal(code, "wasm_failed");
  });

  test(`${entry}: where the module may not be fetched, the message names the policy`, async () => {
    site.policy = "connect-src 'none'";
    const [{ code, message }] = await ask(entry);
    assert.equal(code, "wasm_failed");
    assert.match(message, /connect-src/);
  });
}
