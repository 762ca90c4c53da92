// Loading of the WebAssembly module, and each way in which that fails.
import assert from "node:assert/strict";
import { test } from "node:test";
import { pkg, script, startService } from "../support.mjs";

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
    const stdout = await script(`
      import * as slim from ${pkg("slim.js")};
      ${sabotage};
      console.log(await slim.createTokenManager({ iam, wasm: new Uint8Array(8) }).getToken().catch((e) => e.code + e.temporary));
    `);
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
        import * as slim from ${pkg("slim.js")};
        const bytes = readFileSync(new URL(${pkg("sessionmint.wasm")}));
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

test("the slim entry asks its function again after a failure, and all entries share the module that is loaded", async () => {
  const service = await startService();
  try {
    const stdout = await script(
      `
      import { readFile } from "node:fs/promises";
      import * as slim from ${pkg("slim.js")};
      let asked = 0;
      const wasm = () => (++asked < 2 ? Promise.reject(new Error("not yet")) : readFile(new URL(${pkg("sessionmint.wasm")})));
      const auth = slim.createTokenManager({ iam, wasm });
      console.log(await auth.getToken().catch((e) => [e.code, e.cause.message].join()), await auth.getToken(), asked);
      WebAssembly.compile = () => console.log("compiled again");
      console.log(await createTokenManager({ iam }).getToken(), slim.TokenError === (await import(${pkg("index.js")})).TokenError);
      `,
      service.iam,
    );
    assert.equal(stdout, "wasm_failed,not yet token-1 2\ntoken-2 true");
  } finally {
    await service.stop();
  }
});
