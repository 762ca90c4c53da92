// The token endpoint fails: what is in hand is served until its end, and nobody is signed out.
import assert from "node:assert/strict";
import { test, together } from "../harness/behaviour.mjs";
import { cors, login, startBare } from "../harness/bare.mjs";
import { PASSWORD } from "../harness/stack.mjs";

// Most of their time they wait for a token to expire and a request to time out.
together("an outage of the token endpoint", () => {
  for (const [name, fault, code] of [
    ["hangs", () => "hang", "timeout"],
    ["refuses", () => "refuse", "network"],
    ["answers_500", () => status(500), "unavailable"],
    ["answers_429", () => status(429, { "retry-after": "1" }), "throttled"],
  ]) {
    test(`c139_while_the_token_endpoint_${name}_a_valid_token_is_served_and_nobody_is_signed_out`, async () => {
      const bare = await startBare({ client: ["--ttl", "10"] });
      try {
        await outage(bare, fault(), code);
      } finally {
        await bare.stop();
      }
    });
  }
});

async function outage({ ui, api, iam, proxy, browser }, fault, code) {
  const page = await (await browser.newContext()).newPage();
  await page.goto(ui);
  await page.evaluate(login, { api, user: iam.user, password: PASSWORD });
  await page.evaluate(async (api) => {
    const { createTokenManager } = await import("/pkg/index.js");
    window.auth = createTokenManager({ iam: `${api}/iam`, apis: [api] });
    window.events = [];
    for (const name of ["signedout", "degraded", "recovered", "renewed"]) auth.on(name, () => events.push(name));
    window.first = await auth.getToken();
    window.expires = Date.now() + 10_000;
  }, api);
  proxy.fault = fault;
  // Until its end the token in hand is served at once.
  const served = await page.evaluate(async () => {
    let late = 0;
    let last;
    while (Date.now() < expires - 1500) {
      // At once: before the next task, so without waiting for any answer or timer.
      last = await Promise.race([auth.getToken(), new Promise((resolve) => setTimeout(resolve, 0))]);
      if (last === undefined) late += 1;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    return { late, same: last === first };
  });
  assert.deepEqual(served, { late: 0, same: true });
  // After it, a typed temporary error; still not signed out.
  const failed = await page.evaluate(async () => {
    while (auth.peek()) await new Promise((resolve) => setTimeout(resolve, 100));
    const start = performance.now();
    const error = await auth.getToken().then(() => undefined, (error) => error);
    const seconds = (performance.now() - start) / 1000;
    // A mint begins up to a few milliseconds after its caller, whose patience may end that much earlier.
    while (!events.includes("degraded") && performance.now() - start < 11_000) await new Promise((resolve) => setTimeout(resolve, 50));
    return { code: error?.code, temporary: error?.temporary, seconds, state: auth.state, events };
  });
  assert.equal(failed.code, code);
  assert.equal(failed.temporary, true);
  assert.ok(failed.seconds < 11, `failed after ${failed.seconds} s`);
  assert.ok(!failed.events.includes("signedout"), failed.events.join());
  assert.ok(failed.events.includes("degraded"), failed.events.join());
  // The network is back: the next token comes within one back-off step.
  proxy.fault = undefined;
  proxy.release();
  const back = await page.evaluate(async () => {
    const start = performance.now();
    for (;;) {
      const token = await auth.getToken().catch(() => undefined);
      if (token) return { seconds: (performance.now() - start) / 1000, fresh: token !== first, events };
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  });
  assert.equal(back.fresh, true);
  assert.ok(back.seconds < 31, `back after ${back.seconds} s`);
  assert.ok(back.events.includes("recovered"), back.events.join());
  assert.ok(!back.events.includes("signedout"), back.events.join());
}

function status(code, headers = {}) {
  return (request, response) => {
    response.writeHead(code, { ...cors(request), "content-type": "application/json", ...headers });
    response.end("{}");
    return true;
  };
}
