// The guides' code: its types, the components compiled, the app's tests run. And the adapters' types.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { writeGuides } from "./guides.mjs";
import { here, install, run } from "./project.mjs";

let guides;

before(async () => {
  await install();
  guides = await writeGuides();
});

/** Runs a tool of this project; what it says is the reason of a failure. */
async function tool(name, ...args) {
  const env = { ...process.env, NO_COLOR: "1" };
  await run(join(here, "node_modules/.bin", name), args, { cwd: here, env }).catch(({ stdout, stderr }) => assert.fail(stdout + stderr));
}

for (const [what, config] of [
  ["the adapters' types", "tsconfig.json"],
  ["the adapters' types, with those of React 18", "react18/tsconfig.json"],
  ["the guides' code", "tsconfig.guides.json"],
]) {
  test(`${what} fit together`, () => tool("tsc", "--project", config));
}

test("the guide's component for Vue compiles", async () => {
  const { compileScript, compileTemplate, parse } = await import("vue/compiler-sfc");
  const source = await readFile(join(guides, "vue/App.vue"), "utf8");
  const { descriptor, errors } = parse(source);
  const { bindings } = compileScript(descriptor, { id: "app" });
  const options = { id: "app", filename: "App.vue", source: descriptor.template.content, compilerOptions: { bindingMetadata: bindings } };
  const template = compileTemplate(options);
  assert.deepEqual([...errors, ...template.errors, ...template.tips], []);
  assert.ok(!template.code.includes("_ctx."), "everything in the template is set up");
});

test("the guide's component for Svelte compiles", async () => {
  const { compile } = await import("svelte/compiler");
  const { warnings } = compile(await readFile(join(guides, "svelte/App.svelte"), "utf8"), { generate: "client" });
  assert.deepEqual(warnings, []);
});

for (const environment of ["jsdom", "happy-dom"]) {
  test(`an app's tests run with Vitest in ${environment}`, () =>
    tool("vitest", "run", "--config", "vitest/vitest.config.js", "--environment", environment));
}

test("the guide's test runs with Vitest in Node", () =>
  tool("vitest", "run", "--config", "vitest/vitest.config.js", "--environment", "node", "dist/guides"));
