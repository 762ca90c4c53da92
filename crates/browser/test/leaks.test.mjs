// A thousand managers, created, used and disposed of: nothing is left of them.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { machine } from "./support.mjs";

const run = promisify(execFile);
const local = (name) => JSON.stringify(new URL(name, import.meta.url));

test("a thousand managers leave no memory, no timer and no listener behind", async () => {
  const source = `
    import { initSync } from ${JSON.stringify(machine)};
    import { createTokenManager } from ${local("../pkg/index.js")};
    import { memoryOf } from ${local("support.mjs")};
    const answer = JSON.stringify({ access_token: "t", token_type: "Bearer", expires_in: 300, scope: "", session_expires_in: 900 });
    const fetch = async () => new Response(answer);
    const outer = new AbortController();
    // Of its own, since Node keeps something of each unreferenced timer until it would have fired.
    const timers = new Map();
    let last = 0;
    const clock = {
      now: () => Date.now(),
      monotonic: () => performance.now(),
      setTimeout: (callback) => (timers.set(++last, callback), last),
      clearTimeout: (timer) => timers.delete(timer),
    };
    const listening = { more: 0 };
    for (const [name, step] of [["addEventListener", 1], ["removeEventListener", -1]]) {
      const real = outer.signal[name];
      outer.signal[name] = (...args) => ((listening.more += step), real.apply(outer.signal, args));
    }
    async function cycle() {
      const auth = createTokenManager({ iam: "https://api.example.com/iam", apis: ["https://api.example.com"], fetch, clock });
      const off = auth.on("signedin", () => {});
      auth.on("renewed", () => {});
      await Promise.all([auth.getToken({ signal: outer.signal }), auth.getToken({ resource: "r" })]);
      await auth.fetch("https://api.example.com/notes");
      off();
      const waiting = auth.getToken({ resource: "s", signal: outer.signal }).catch(() => {});
      auth.dispose();
      await waiting;
    }
    async function cycles(count) {
      for (let round = 0; round < count; round++) await cycle();
      // What finalizers free is free after a turn.
      for (let turn = 0; turn < 3; turn++) { gc(); await new Promise((resolve) => setTimeout(resolve)); }
      return { heap: process.memoryUsage().heapUsed, machine: memoryOf(initSync).byteLength };
    }
    await cycles(500);
    await cycles(1000);
    const marks = [];
    for (let block = 0; block < 6; block++) marks.push(await cycles(500));
    console.log(JSON.stringify({ marks, timers: timers.size, listeners: listening.more }));
  `;
  const { stdout } = await run(process.execPath, ["--expose-gc", "--input-type=module", "-e", source], { timeout: 60_000 });
  const { marks, ...left } = JSON.parse(stdout);
  assert.deepEqual(left, { timers: 0, listeners: 0 });
  assert.equal(marks.at(-1).machine, marks[0].machine);
  // The engine's own heap breathes; a manager that stays would take kilobytes.
  const least = (some) => Math.min(...some.map(({ heap }) => heap));
  const each = (least(marks.slice(3)) - least(marks.slice(0, 3))) / 1500;
  assert.ok(each < 500, `${Math.round(each)} bytes of each manager are left: ${marks.map(({ heap }) => heap)}`);
});
