// What runs without WebAssembly: it is the same machine, it is there when it is needed, and `compat` is never without it.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as bindings from "../../pkg/bindings.js";
import { createCore } from "../../pkg/core.js";
import { load } from "../../pkg/fallback.js";
import { pkg, script, startService } from "../support.mjs";

const WITHOUT = `await import(${JSON.stringify(new URL("../without-wasm.mjs", import.meta.url))})`;

/** A service for one script; gives what the script printed. */
async function printed(source) {
  const service = await startService();
  try {
    return await script(source, service.iam);
  } finally {
    await service.stop();
  }
}

/** Numbers in 0..1 from a seed. */
function dice(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** What a machine asked and did in one life of a few hundred events that the seed picks, nonsense among them. */
function live(create, names, seed) {
  const random = dice(seed);
  const pick = (count) => Math.floor(random() * count);
  const log = [];
  let [monotonic, now, last] = [5_000, 1_800_000_000_000, 0];
  const seqs = [];
  const clock = {
    monotonic: () => (log.push("monotonic"), monotonic),
    now: () => (log.push("now"), now),
  };
  const host = new Proxy({ clock }, {
    get: (known, name) => known[name] ?? ((...numbers) => {
      log.push([name, ...numbers]);
      if (name === "mint" || name === "ask") seqs.push(numbers[0]);
    }),
  });
  const random_ = Math.random;
  Math.random = dice(seed + 1);
  const core = create(host, seed % 2 === 0);
  const seq = () => (seqs.length && pick(4) ? seqs[pick(seqs.length)] : pick(20));
  const millis = () => [0, 1, 500, 10_000, 299_999.5, 2 ** 31, 2 ** 32 + 7, 2 ** 53, -1, NaN, Infinity, now + 60_000][pick(12)];
  const likely = [
    () => core.want(++last, pick(3)),
    () => core.minted(seq(), [300, 15, 5, 0, 2 ** 32][pick(5)], [86_400, 900, 100][pick(3)]),
    () => core.refused(seq(), [401, 403, 429, 500, 503][pick(5)], pick(2), millis()),
    () => core.unreachable(seq(), pick(4) === 0),
    () => core.tick(),
    () => core.offered(seq(), now + millis(), 300_000, now + 86_400_000),
    () => core.led(seq()),
  ];
  try {
    for (let step = 0; step < 300; step++) {
      monotonic += [0, 3, 700.25, 20_000, 400_000][pick(5)];
      now += [0, 3, 700, 20_000, 400_000, -3_600_000, 86_400_000][pick(7)];
      if (pick(3)) {
        likely[pick(likely.length)]();
      } else {
        const name = names[pick(names.length)];
        // A machine that was disposed of does nothing more; some lives are to be long.
        if (name !== "dispose" || pick(20) === 0) core[name](pick(2) ? pick(6) : millis(), millis(), millis(), millis());
      }
    }
  } finally {
    Math.random = random_;
    core.free();
  }
  return log;
}

test("it is the same machine: a thousand lives, event by event, with the same questions, answers and actions", async () => {
  bindings.initSync({ module: new WebAssembly.Module(await (await import("node:fs/promises")).readFile(new URL("../../pkg/sessionmint.wasm", import.meta.url))) });
  const instead = await load();
  const nothing = { clock: { monotonic: () => 0, now: () => 0 }, act() {} };
  const probe = createCore(new Proxy(nothing, { get: (known, name) => known[name] ?? (() => {}) }), false);
  const names = Object.keys(probe).filter((name) => !["created", "freed", "free"].includes(name));
  probe.free();
  const kinds = new Set();
  for (let seed = 1; seed <= 1_000; seed++) {
    const [one, other] = [live(createCore, names, seed), live(instead, names, seed)];
    assert.deepEqual(other, one, `seed ${seed}`);
    for (const [kind] of one.filter(Array.isArray)) kinds.add(kind);
  }
  const all = ["announce", "answer", "ask", "cancel", "drop", "fail", "hold", "mint", "tell", "timer"];
  assert.deepEqual([...kinds].sort(), all, "every action came up");
});

test("it comes by itself where there is no WebAssembly, and all entries share it", async () => {
  const stdout = await printed(`
    import * as external from ${pkg("external.js")};
    ${WITHOUT};
    const managers = [createTokenManager({ iam }), createTokenManager({ iam }), external.createTokenManager({ iam })];
    for (const auth of managers) console.log(await auth.getToken());
  `);
  assert.equal(stdout, "token-1\ntoken-2\ntoken-3");
});

// Node's own fetch compiles a module too, on the first touch of `Response`: it has to before compiling is forbidden.
for (const [engine, words] of [
  ["Chromium", "WebAssembly.compile(): Compiling or instantiating WebAssembly module violates the following Content Security policy directive because 'unsafe-eval' is not an allowed source of script"],
  ["Firefox", "call to WebAssembly.compile() blocked by CSP"],
]) {
  test(`it comes by itself where a policy forbids WebAssembly, in ${engine}'s words`, async () => {
    const stdout = await printed(`
      new Response();
      let tried = 0;
      WebAssembly.compile = async () => { tried++; throw new WebAssembly.CompileError(${JSON.stringify(words)}); };
      const ask = () => createTokenManager({ iam }).getToken();
      console.log(await Promise.all([ask(), ask()]).then((tokens) => tokens.length), await ask(), tried);
    `);
    assert.equal(stdout, "2 token-3 1", "and the page tries once, since each try is reported");
  });
}

for (const [name, sabotage, code] of [
  ["no WebAssembly", WITHOUT, "wasm_missing"],
  [
    "a policy",
    `new Response(); WebAssembly.compile = async () => { throw new WebAssembly.CompileError("call to WebAssembly.compile() blocked by CSP"); }`,
    "wasm_blocked_by_csp",
  ],
]) {
  test(`when it cannot be loaded the error still says ${name}, and why; the next call tries again`, async () => {
    const stdout = await printed(`
      import * as slim from ${pkg("slim.js")};
      ${sabotage};
      let asked = 0;
      const fallback = () => (++asked < 2 ? Promise.reject(new TypeError("404")) : import(${pkg("fallback.js")}));
      const auth = slim.createTokenManager({ iam, wasm: new Uint8Array(8), fallback });
      console.log(await auth.getToken().catch((e) => [e.code, e.temporary, e.cause.message].join()), await auth.getToken());
    `);
    assert.equal(stdout, `${code},true,404 token-1`);
  });
}

test("the slim entry has none unless the app says so", async () => {
  const stdout = await printed(`
    import * as slim from ${pkg("slim.js")};
    ${WITHOUT};
    console.log(await slim.createTokenManager({ iam, wasm: new Uint8Array(8) }).getToken().catch((e) => [e.code, e.temporary].join()));
  `);
  assert.equal(stdout, "wasm_missing,false");
});

test("the compat entry never touches WebAssembly", async () => {
  const stdout = await printed(`
    import * as compat from ${pkg("compat.js")};
    ${WITHOUT};
    Object.defineProperty(globalThis, "WebAssembly", { get: () => console.log("touched") });
    const auth = compat.createTokenManager({ iam });
    console.log(await auth.getToken(), auth.state, compat.TokenError === (await import(${pkg("index.js")})).TokenError);
  `);
  assert.equal(stdout, "token-1 signedin true");
});

test("importing it does nothing", async () => {
  const stdout = await script(`
    const Real = ArrayBuffer;
    globalThis.ArrayBuffer = class extends Real { constructor(size) { super(size); console.log(size); } };
    await import(${pkg("compat.js")});
    console.log("imported");
  `);
  assert.equal(stdout, "imported");
});
