// How the wasm module comes into a page: each entry, and each way in which that fails told apart.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { after, before, beforeEach, test } from "../harness/behaviour.mjs";
import { launch } from "../harness/browser.mjs";
import { startFakeIam } from "../harness/fake-iam.mjs";
import { startSite } from "../harness/site.mjs";

const folders = [resolve(import.meta.dirname, "../../crates/browser"), resolve(import.meta.dirname, "pages")];
const ENTRIES = ["index", "external", "slim"];
const SCRIPTS = "'self' 'wasm-unsafe-eval'";

let fake, site, browser, context, page;

before(async () => {
  fake = await startFakeIam();
  site = await startSite({ folders });
  browser = await launch();
  context = await browser.newContext();
  page = await context.newPage();
});

after(async () => {
  await browser?.close();
  await Promise.all([fake?.stop(), site?.stop()]);
});

beforeEach(() => {
  Object.assign(site, { scripts: SCRIPTS, policy: "", answer: () => false });
});

/** Asks for a token in a fresh page, `times` times one after the other; gives what came of each. */
async function ask(entry, { times = 1, wasm = "/pkg/sessionmint.wasm", sabotage = "" } = {}) {
  await page.goto(`${site.origin}/blank.html`);
  return page.evaluate(
    async ({ entry, times, wasm, sabotage, iam }) => {
      if (sabotage) delete globalThis[sabotage];
      const { createTokenManager } = await import(`/pkg/${entry}.js`);
      const auth = createTokenManager({ iam, ...(entry === "slim" ? { wasm } : {}) });
      const results = [];
      while (results.length < times) {
        results.push(await auth.getToken().then(
          (token) => ({ token: /^token-\d+$/.test(token) }),
          ({ code, temporary, message }) => ({ code, temporary, message }),
        ));
      }
      auth.dispose();
      return results;
    },
    { entry, times, wasm, sabotage, iam: fake.iam },
  );
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
  test(`${entry}: a token under a strict policy`, async () => {
    assert.deepEqual(await ask(entry), [{ token: true }]);
  });

  test(`${entry}: a policy that forbids WebAssembly is told`, async () => {
    site.scripts = "'self'";
    const [{ code, temporary, message }] = await ask(entry);
    assert.deepEqual({ code, temporary }, { code: "wasm_blocked_by_csp", temporary: false });
    assert.match(message, /'wasm-unsafe-eval'/);
  });

  test(`${entry}: a browser without WebAssembly is told`, async () => {
    const [{ code, temporary }] = await ask(entry, { sabotage: "WebAssembly" });
    assert.deepEqual({ code, temporary }, { code: "wasm_missing", temporary: false });
  });
}

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
