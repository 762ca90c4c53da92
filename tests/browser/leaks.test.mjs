// A thousand managers in one page, created, used and disposed of: nothing is left of them.
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { after, before, test } from "../harness/behaviour.mjs";
import { launch } from "../harness/browser.mjs";
import { startSite } from "../harness/site.mjs";

let site, browser;

before(async () => {
  site = await startSite({ folders: [resolve(import.meta.dirname, "../../crates/browser"), resolve(import.meta.dirname, "pages")] });
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await site?.stop();
});

async function blank() {
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${site.origin}/blank.html`);
  return page;
}

const cannotCount = { firefox: "its driver does not count what a page holds", webkit: "its driver does not count what a page holds" };
test("a thousand managers in a page leave no memory, no node and no listener behind", cannotCount, async () => {
  const { raw: page } = await blank();
  const devtools = await page.context().newCDPSession(page);
  const count = async () => {
    // Twice, since what finalizers let go is collected the next time.
    for (let turn = 0; turn < 2; turn++) await devtools.send("HeapProfiler.collectGarbage");
    const { jsEventListeners, nodes } = await devtools.send("Memory.getDOMCounters");
    const { usedSize } = await devtools.send("Runtime.getHeapUsage");
    return { jsEventListeners, nodes, heap: usedSize };
  };
  await page.evaluate(cycles, 500);
  const { heap, ...before } = await count();
  assert.equal(await page.evaluate(cycles, 1000), 2000, "each of them had its tokens");
  const { heap: heapAfter, ...after } = await count();
  assert.deepEqual(after, before);
  // A manager that stays would take kilobytes.
  const each = (heapAfter - heap) / 1000;
  assert.ok(each < 500, `${Math.round(each)} bytes of each manager are left`);
});

test("a thousand managers that are disposed of are forgotten by the page", async () => {
  const page = await blank();
  assert.equal(await page.evaluate(cycles, 1000), 2000, "each of them had its tokens");
  const left = await page.evaluate(async () => {
    const left = (references) => references.filter((reference) => reference.deref() !== undefined).length;
    for (let round = 1; round <= 60; round++) {
      // Garbage, large and small, until the engine looks at all that it has.
      let garbage = Array.from({ length: 8 }, () => new Uint8Array(2 ** 23).fill(1));
      for (let n = 0; n < 200_000; n++) garbage.push({ n });
      garbage = undefined;
      await new Promise((resolve) => setTimeout(resolve, 100));
      if (round % 10 === 0 && left(window.managers) <= 50) break;
    }
    return left(window.managers);
  });
  // Engines that look for references on the stack find some of before.
  assert.ok(left <= 50, `${left} were not collected`);
});

/** Creates, uses and disposes of managers in the page; gives how many tokens were minted. */
async function cycles(count) {
  const { createTokenManager } = await import("/pkg/index.js");
  const answer = JSON.stringify({ access_token: "t", token_type: "Bearer", expires_in: 300, scope: "", session_expires_in: 900 });
  let mints = 0;
  const fetch = async () => ((mints += 1), new Response(answer));
  window.managers = [];
  for (let round = 0; round < count; round++) {
    const auth = createTokenManager({ iam: "https://api.example.com/iam", apis: [location.origin], fetch });
    window.managers.push(new WeakRef(auth));
    auth.on("signedin", () => {});
    await Promise.all([auth.getToken(), auth.getToken({ resource: "r" })]);
    dispatchEvent(new Event("focus"));
    auth.dispose();
  }
  return mints;
}
