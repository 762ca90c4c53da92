// The packed tarball in real projects: built for production, loaded in Chromium under a strict content security policy,
// and a token minted through each entry.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { launch } from "../harness/browser.mjs";
import { startFakeIam } from "../harness/fake-iam.mjs";
import { startSite } from "../harness/site.mjs";

const run = promisify(execFile);
const here = import.meta.dirname;
const tarball = process.env.TARBALL;
const PAGES = {
  sessionmint: "/",
  "sessionmint/external": "/external.html",
  "sessionmint/slim": "/slim.html",
  "sessionmint/isolated": "/isolated.html",
};
/** Those with the module as a file of its own. */
const WITH_MODULE = ["sessionmint/external", "sessionmint/slim"];

let fake, browser;

before(async () => {
  const install = ["install", "--no-save", "--offline", "--no-audit", "--no-fund", "--loglevel=error"];
  await run("npm", [...install, tarball], { cwd: here });
  fake = await startFakeIam();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await fake?.stop();
});

test("the tarball holds what is meant to be there, and nothing else", async () => {
  const { stdout } = await run("tar", ["-tzf", tarball]);
  const sources = await readdir(join(here, "../../crates/browser/js"));
  const made = ["bindings.js", "inline.js", "sessionmint.wasm"];
  const others = ["package.json", "README.md", "FRAMEWORKS.md", "LICENSE-MIT", "LICENSE-APACHE"];
  const names = stdout.trim().split("\n").map((name) => name.replace("package/", ""));
  assert.deepEqual(names.sort(), [...sources, ...made, ...others].sort());
});

test("publint finds nothing", async () => {
  const { stdout } = await run(join(here, "node_modules/.bin/publint"), ["run", "--strict", "--pack", "false", tarball]);
  assert.match(stdout, /All good!/);
});

test("are the types wrong? no", async () => {
  const args = [tarball, "--profile", "esm-only", "--exclude-entrypoints", "sessionmint.wasm", "--format", "json"];
  const { stdout } = await run(join(here, "node_modules/.bin/attw"), args);
  // A problem that the profile does not ignore ends it with an error.
  const { analysis } = JSON.parse(stdout);
  const { exports } = JSON.parse(await readFile(join(here, "../../crates/browser/package.json"), "utf8"));
  const entries = Object.keys(exports).filter((name) => name !== "./sessionmint.wasm");
  assert.deepEqual(Object.keys(analysis.entrypoints).sort(), entries.sort());
});

test("Node: every entry mints, and the process ends", async () => {
  const { stdout } = await run("node", ["main.js", fake.local], { cwd: join(here, "node"), timeout: 30_000 });
  assert.match(stdout, /^(token-\d+\n){3}true\n$/);
});

project("plain modules with an import map", "plain", { folders: ["plain", "."] });
project("Vite", "vite", { build: true });
project("webpack", "webpack", { build: true });
project("esbuild", "esbuild", { build: true });
project("Rollup", "rollup", { build: true });
project("Next.js", "next", { build: true, adapter: "/adapter.html" });

/**
 * Tests one project: builds it into its `dist` if it is built at all, then opens a page per entry, and the one that uses
 * the adapter of its framework.
 */
function project(name, folder, { build = false, folders = [`${folder}/dist`, `${folder}/public`], adapter }) {
  test(name, async (t) => {
    if (build) {
      await rm(join(here, folder, "dist"), { recursive: true, force: true });
      const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1" };
      await run("npm", ["run", "--silent", "build"], { cwd: join(here, folder), env });
    }
    const site = await startSite({ folders: folders.map((path) => join(here, path)) });
    const context = await browser.newContext();
    try {
      for (const [entry, path] of Object.entries(PAGES)) {
        await t.test(entry, async () => {
          const page = await context.newPage();
          const mints = fake.mints;
          site.seen.length = 0;
          await page.goto(`${site.origin}${path}?iam=${encodeURIComponent(fake.iam)}`);
          await page.until(() => document.title !== "…" && document.title !== "");
          assert.equal(await page.evaluate(() => document.title), `token-${mints + 1}`);
          assert.deepEqual(page.errors, []);
          const modules = site.seen.filter((path) => path.endsWith(".wasm")).length;
          assert.equal(modules, WITH_MODULE.includes(entry) ? 1 : 0, "the module is a file of its own, or is in the script");
          await page.close();
        });
      }
      if (adapter) {
        await t.test("its adapter, rendered on the server and taken over in the page", async () => {
          assert.match(await readFile(join(here, folder, "dist", adapter), "utf8"), /<p>unknown<\/p>/);
          const page = await context.newPage();
          await page.goto(`${site.origin}${adapter}?iam=${encodeURIComponent(fake.iam)}`);
          await page.until(() => document.title === "signedin");
          assert.deepEqual(page.errors, []);
          await page.close();
        });
      }
    } finally {
      await context.close();
      await site.stop();
    }
  });
}
