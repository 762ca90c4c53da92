// Import, and what is left where.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createTokenManager } from "../pkg/index.js";
import * as slim from "../pkg/slim.js";
import { codeOf, machine, memoryOf, script, startService } from "./support.mjs";

const { initSync } = await import(machine);
const memory = () => memoryOf(initSync);

test("importing and creating does nothing: no DOM needed, no timer, no request", async () => {
  const stdout = await script(`
    globalThis.fetch = () => console.log("fetched");
    globalThis.setTimeout = () => console.log("timer");
    if (globalThis.WebAssembly) WebAssembly.compile = () => console.log("compiled");
    const auth = createTokenManager({ iam, apis: ["https://api.example.com"] });
    auth.on("signedin", () => {});
    console.log(auth.state, auth.peek());
  `);
  assert.equal(stdout, "unknown undefined");
});

test("a token in hand does not keep a process alive, but somebody who waits does", async () => {
  const service = await startService();
  try {
    service.answer = (_request, count) => (count === 2 ? { status: 503, body: {} } : undefined);
    const stdout = await script(
      `
      const auth = createTokenManager({ iam });
      console.log(await auth.getToken());
      console.log(await auth.getToken({ resource: "r" }));
      `,
      service.iam,
    );
    assert.equal(stdout, "token-1\ntoken-2", "the second had to wait for a try after a pause");
  } finally {
    await service.stop();
  }
});

test("the slim entry says at once that it was not told where the module is", () => {
  for (const options of [{ iam: "https://api.example.com/iam" }, { iam: "https://api.example.com/iam", wasm: null }]) {
    assert.throws(() => slim.createTokenManager(options), { name: "TypeError", message: /`wasm` is required/ });
  }
  assert.throws(() => slim.createTokenManager(), TypeError);
});

test("c135_the_token_is_in_no_wasm_memory_no_global_and_on_no_object", async () => {
  const service = await startService();
  const secret = "eyJ.this-is-the-token-to-be-looked-for.c2ln";
  service.answer = () => ({
    body: { access_token: secret, token_type: "Bearer", expires_in: 300, scope: "", session_expires_in: 900 },
  });
  const auth = createTokenManager({ iam: service.iam, apis: [service.origin] });
  try {
    await fetch(service.origin);
    const globals = new Set(Reflect.ownKeys(globalThis));
    assert.equal(await auth.getToken(), secret);
    await auth.fetch(`${service.origin}/notes`);
    assert.ok(memory().byteLength > 0);
    assert.equal(Buffer.from(memory()).indexOf("this-is-the-token"), -1);
    assert.deepEqual(Reflect.ownKeys(globalThis).filter((name) => !globals.has(name)), []);
    for (const name of Reflect.ownKeys(auth)) assert.notEqual(auth[name], secret);
    assert.ok(Object.isFrozen(auth));
    await auth.logout();
    assert.equal(await codeOf(auth.getToken()), "signed_out");
  } finally {
    auth.dispose();
    await service.stop();
  }
});

test("many managers come and go without leaving anything behind", async () => {
  const service = await startService();
  try {
    const one = createTokenManager({ iam: service.iam });
    await one.getToken();
    one.dispose();
    const before = memory().byteLength;
    for (let round = 0; round < 200; round++) {
      const auth = createTokenManager({ iam: service.iam });
      await auth.getToken();
      auth.dispose();
    }
    assert.equal(memory().byteLength, before);
  } finally {
    await service.stop();
  }
});
