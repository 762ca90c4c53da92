// The packed tarball in real projects: built for production, loaded in Chromium under a strict content security policy,
// and a token minted through each entry; then once more without WebAssembly.
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
  "sessionmint/compat": "/compat.html",
  "sessionmint/isolated": "/isolated.html",
};
const SCRIPTS = "'self' 'wasm-unsafe-eval'";
const MODULE_APART = ["sessionmint/external", "sessionmint/slim"];
/** What loads no fallback when the page has no WebAssembly: it needs none, or its worker has WebAssembly. */
const WITHOUT_FALLBACK = ["sessionmint/compat", "sessionmint/isolated"];

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
  const made = ["bindings.js", "fallback.js", "inline.js", "sessionmint.wasm"];
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
  assert.match(stdout, /^(token-\d+\n){4}true\n$/);
});

project("plain modules with an import map", "plain", { folders: ["plain", "."] });
project("Vite", "vite", { build: true });
project("webpack", "webpack", { build: true });
project("esbuild", "esbuild", { build: true });
project("esbuild without splitting", "esbuild", { folders: ["esbuild/dist/whole", "esbuild/public"], split: false });
project("Rollup", "rollup", { build: true });
project("Next.js", "next", { build: true, adapter: "/adapter.html" });

/**
 * Tests one project: builds it into its `dist` if it is to be built, then opens a page per entry, with WebAssembly and without,
 * and the one that uses the adapter of its framework.
 */
function project(name, folder, { build = false, split = true, folders = [`${folder}/dist`, `${folder}/public`], adapter }) {
  test(name, async (t) => {
    if (build) {
      await rm(join(here, folder, "dist"), { recursive: true, force: true });
      const env = { ...process.env, NEXT_TELEMETRY_DISABLED: "1" };
      await run("npm", ["run", "--silent", "build"], { cwd: join(here, folder), env });
    }
    const site = await startSite({ folders: folders.map((path) => join(here, path)) });
    try {
      for (const [entry, path] of Object.entries(PAGES)) {
        let scripts;
        await t.test(entry, async () => {
          site.scripts = SCRIPTS;
          const seen = await open(site, path);
          assert.equal(count(seen, ".wasm"), MODULE_APART.includes(entry) ? 1 : 0, "the module is a file of its own, or is in the script");
          scripts = count(seen, ".js");
        });
        await t.test(`${entry}, without WebAssembly`, async () => {
          site.scripts = "'self'";
          const seen = await open(site, path, "delete globalThis.WebAssembly");
          assert.equal(count(seen, ".wasm"), 0);
          const later = split && !WITHOUT_FALLBACK.includes(entry);
          assert.equal(count(seen, ".js") > scripts, later, "the fallback is a script of its own, or is in the script");
        });
      }
      if (adapter) {
        await t.test("its adapter, rendered on the server and taken over in the page", async () => {
          assert.match(await readFile(join(here, folder, "dist", adapter), "utf8"), /<p>unknown<\/p>/);
          site.scripts = SCRIPTS;
          const context = await browser.newContext();
          const page = await context.newPage();
          await page.goto(`${site.origin}${adapter}?iam=${encodeURIComponent(fake.iam)}`);
          await page.until(() => document.title === "signedin");
          assert.deepEqual(page.errors, []);
          await context.close();
        });
      }
    } finally {
      await site.stop();
    }
  });
}

const count = (seen, ending) => seen.filter((path) => path.endsWith(ending)).length;

/** Opens a page in a fresh profile, after a script if given, waits for its token, and gives what it asked the site for. */
async function open(site, path, first = "") {
  const context = await browser.newContext();
  const violations = `addEventListener("securitypolicyviolation", (event) => console.error(event.violatedDirective, event.blockedURI));`;
  await context.raw.addInitScript(`${violations} ${first}`);
  try {
    const page = await context.newPage();
    const mints = fake.mints;
    site.seen.length = 0;
    await page.goto(`${site.origin}${path}?iam=${encodeURIComponent(fake.iam)}`);
    await page.until(() => document.title !== "…" && document.title !== "");
    assert.equal(await page.evaluate(() => document.title), `token-${mints + 1}`);
    assert.deepEqual(page.errors, []);
    return [...site.seen];
  } finally {
    await context.close();
  }
}
