// A thousand managers in one page, created, used and disposed of: nothing is left of them.
//
// Only Chromium counts what a page holds. The package's own tests show the same in Node.
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { test } from "node:test";
import { engine, launch } from "../harness/browser.mjs";
import { startSite } from "../harness/site.mjs";

if (engine === "chromium") {
  test("a thousand managers in a page leave no memory, no node and no listener behind", async () => {
    const site = await startSite({ folders: [resolve(import.meta.dirname, "../../crates/browser"), resolve(import.meta.dirname, "pages")] });
    const browser = await launch();
    try {
      const { raw: page } = await (await browser.newContext()).newPage();
      await page.goto(`${site.origin}/blank.html`);
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
    } finally {
      await browser.close();
      await site.stop();
    }
  });
}

/** Creates, uses and disposes of managers in the page; gives how many tokens were minted. */
async function cycles(count) {
  const { createTokenManager } = await import("/pkg/index.js");
  const answer = JSON.stringify({ access_token: "t", token_type: "Bearer", expires_in: 300, scope: "", session_expires_in: 900 });
  let mints = 0;
  const fetch = async () => ((mints += 1), new Response(answer));
  for (let round = 0; round < count; round++) {
    const auth = createTokenManager({ iam: "https://api.example.com/iam", apis: [location.origin], fetch });
    auth.on("signedin", () => {});
    await Promise.all([auth.getToken(), auth.getToken({ resource: "r" })]);
    dispatchEvent(new Event("focus"));
    auth.dispose();
  }
  return mints;
}
