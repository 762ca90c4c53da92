// Import, loading of the module, and what is left where.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { initSync } from "../pkg/bindings.js";
import { createTokenManager } from "../pkg/index.js";
import * as slim from "../pkg/slim.js";
import { codeOf, startService } from "./support.mjs";

const run = promisify(execFile);
const entry = new URL("../pkg/index.js", import.meta.url);

/** The memory of the module, which has to be loaded already. */
const memory = () => Object.values(initSync()).find((value) => value instanceof WebAssembly.Memory).buffer;

/** Runs a script with the package in a process of its own, which must end by itself; gives what it printed. */
async function script(source, iam = "https://api.example.com/iam") {
  const text = `import { createTokenManager } from ${JSON.stringify(entry)}; const iam = ${JSON.stringify(iam)}; ${source}`;
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", text], { timeout: 20_000 });
  return stdout.trim();
}

test("importing and creating does nothing: no DOM needed, no timer, no request", async () => {
  const stdout = await script(`
    globalThis.fetch = () => console.log("fetched");
    globalThis.setTimeout = () => console.log("timer");
    WebAssembly.compile = () => console.log("compiled");
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

test("a failed load of the module is told and tried again", async () => {
  const service = await startService();
  try {
    const stdout = await script(
      `
      const Real = DecompressionStream;
      globalThis.DecompressionStream = class { constructor() { throw new Error("out of memory"); } };
      const auth = createTokenManager({ iam });
      const first = await Promise.all([auth.getToken(), auth.getToken()].map((p) => p.catch((e) => [e.code, e.temporary, e.cause.message].join())));
      globalThis.DecompressionStream = Real;
      console.log(first.join(" "), await auth.getToken());
      process.exit();
      `,
      service.iam,
    );
    assert.equal(stdout, "wasm_failed,true,out of memory wasm_failed,true,out of memory token-1");
  } finally {
    await service.stop();
  }
});

// Node's own fetch compiles a module too, on the first touch of `Response`: it has to before compiling is forbidden.
for (const [name, sabotage, code] of [
  ["no WebAssembly", "delete globalThis.WebAssembly", "wasm_missing"],
  [
    "a policy, in Chromium's words",
    `new Response(); WebAssembly.compile = async () => { throw new WebAssembly.CompileError("WebAssembly.compile(): Compiling or instantiating WebAssembly module violates the following Content Security policy directive because neither 'wasm-eval' nor 'unsafe-eval' is an allowed source"); }`,
    "wasm_blocked_by_csp",
  ],
  [
    "a policy, in Firefox's words",
    `new Response(); WebAssembly.compile = async () => { throw new WebAssembly.CompileError("call to WebAssembly.compile() blocked by CSP"); }`,
    "wasm_blocked_by_csp",
  ],
]) {
  test(`${name} is told apart`, async () => {
    const stdout = await script(`${sabotage}; console.log(await createTokenManager({ iam }).getToken().catch((e) => e.code + e.temporary));`);
    assert.equal(stdout, `${code}false`);
  });
}

// A process of its own for each, since the module is loaded once.
for (const [form, wasm] of [
  ["a module", "await WebAssembly.compile(bytes)"],
  ["bytes", "bytes"],
  ["a buffer", "bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)"],
  ["a response", `new Response(bytes, { headers: { "content-type": "application/wasm" } })`],
  ["a response of another type", "new Response(bytes)"],
  ["an address", "`data:application/wasm;base64,${bytes.toString('base64')}`"],
  ["a URL", "new URL(`data:application/wasm;base64,${bytes.toString('base64')}`)"],
  ["a promise", "Promise.resolve(bytes)"],
  ["a function", "() => bytes"],
  ["a function that gives a promise of a response", "async () => new Response(bytes)"],
]) {
  test(`the slim entry takes ${form}`, async () => {
    const service = await startService();
    try {
      const stdout = await script(
        `
        import { readFileSync } from "node:fs";
        import * as slim from ${JSON.stringify(new URL("../pkg/slim.js", import.meta.url))};
        const bytes = readFileSync(new URL(${JSON.stringify(new URL("../pkg/sessionmint.wasm", import.meta.url))}));
        console.log(await slim.createTokenManager({ iam, wasm: ${wasm} }).getToken());
        `,
        service.iam,
      );
      assert.equal(stdout, "token-1");
    } finally {
      await service.stop();
    }
  });
}

test("the slim entry says at once that it was not told where the module is", () => {
  for (const options of [{ iam: "https://api.example.com/iam" }, { iam: "https://api.example.com/iam", wasm: null }]) {
    assert.throws(() => slim.createTokenManager(options), { name: "TypeError", message: /`wasm` is required/ });
  }
  assert.throws(() => slim.createTokenManager(), TypeError);
});

test("the slim entry asks its function again after a failure, and all entries share the module that is loaded", async () => {
  const service = await startService();
  try {
    const stdout = await script(
      `
      import { readFile } from "node:fs/promises";
      import * as slim from ${JSON.stringify(new URL("../pkg/slim.js", import.meta.url))};
      let asked = 0;
      const wasm = () => (++asked < 2 ? Promise.reject(new Error("not yet")) : readFile(new URL(${JSON.stringify(new URL("../pkg/sessionmint.wasm", import.meta.url))})));
      const auth = slim.createTokenManager({ iam, wasm });
      console.log(await auth.getToken().catch((e) => [e.code, e.cause.message].join()), await auth.getToken(), asked);
      WebAssembly.compile = () => console.log("compiled again");
      console.log(await createTokenManager({ iam }).getToken(), slim.TokenError === (await import(${JSON.stringify(entry)})).TokenError);
      `,
      service.iam,
    );
    assert.equal(stdout, "wasm_failed,not yet token-1 2\ntoken-2 true");
  } finally {
    await service.stop();
  }
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
