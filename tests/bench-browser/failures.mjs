// How packages that hold a token behave when something goes wrong, each as it comes from npm, in Chromium, on a clock that the
// script moves: `node failures.mjs FOLDER` writes FAILURES.md into the folder. It fails if sessionmint does not come through,
// or if the table differs from the one beside this script, unless `--publish` replaces that.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { launch } from "../harness/browser.mjs";
import { answer, LIFE } from "./failures/session.js";
import { SCENARIOS } from "./failures/scenarios.mjs";

const here = import.meta.dirname;
const [folder, publish] = process.argv.slice(2);
const TABLE = join(here, "FAILURES.md");
const APP = "https://app.example.com";
const START = Date.UTC(2026, 0, 1);
/** The longest that a call is waited for, on the page's clock, and the steps in which time passes. */
const PATIENCE_MS = 120_000;
const STEP_MS = 200;

await mkdir(folder, { recursive: true });
const script = await bundle();
const browser = await launch();
const results = [];
try {
  for (const contestant of await packages()) {
    const cells = [];
    for (const { run } of SCENARIOS) cells.push(await inPage(results.length, contestant.calls, run));
    results.push({ ...contestant, version: await version(contestant.name), cells });
  }
} finally {
  await browser.close();
}
const text = report();
await writeFile(join(folder, "FAILURES.md"), text);
console.log(text);
const bad = results[0].cells.filter(({ good }) => !good);
if (bad.length > 0) throw new Error(`sessionmint: ${bad.map(({ text }) => text).join(", ")}`);
if (publish === "--publish") {
  await writeFile(TABLE, text);
} else if (text !== (await readFile(TABLE, "utf8"))) {
  throw new Error("tests/bench-browser/FAILURES.md says something else");
}

async function bundle() {
  const { outputFiles } = await build({
    entryPoints: [join(here, "failures/contestants.js")],
    write: false,
    platform: "browser",
    bundle: true,
    format: "iife",
    globalName: "contestants",
    mainFields: ["module", "main"],
    define: { "process.env.NODE_ENV": '"production"' },
    logLevel: "error",
  });
  return outputFiles[0].text;
}

/** The packages and what is called, as their modules say it. */
async function packages() {
  const page = await (await browser.newContext()).newPage();
  await page.raw.addScriptTag({ content: script });
  return page.evaluate(() => contestants.packages.map(({ name, option, calls, note }) => ({ name, option, calls, note })));
}

/** Runs a scenario with one package, in a profile of its own. */
async function inPage(index, calls, run) {
  const context = (await browser.newContext()).raw;
  const world = { service: "well", requests: 0, calls, foreign: undefined };
  await context.route("**/*", (route) => serve(route, world));
  const page = await context.newPage();
  await page.clock.install({ time: START - 3_600_000 });
  await page.addInitScript(countFetches);
  await page.goto(APP);
  await page.clock.pauseAt(START);
  world.now = START;
  await page.addScriptTag({ content: script });

  /** Runs `fn(arg)` in the page, where it sets `window.outcome`, while time passes. */
  const until = async (fn, arg) => {
    await page.evaluate(fn, arg);
    for (let passed = 0; passed < PATIENCE_MS; passed += STEP_MS) {
      await page.evaluate(() => quiet());
      const outcome = await page.evaluate(() => window.outcome);
      if (outcome) return outcome;
      await world.pass(STEP_MS);
    }
    throw new Error(`number ${index}: no end in ${PATIENCE_MS} ms`);
  };
  world.pass = async (millis) => {
    world.now += millis;
    await page.clock.runFor(millis);
    await page.evaluate(() => quiet());
  };
  // The time of day goes on, the page does not: no timer of it fires before it is called.
  world.sleep = async (millis) => {
    world.now += millis;
    await page.clock.setSystemTime(world.now);
  };
  world.call = (what, times = 1) => until(callIt, { what, times });
  /** Whether there is a token to be had a minute later, when the service is well, without another sign-in. */
  world.isKept = async () => {
    world.service = "well";
    for (let seconds = 0; seconds < 60; seconds += 2) await world.pass(2_000);
    return (await world.call("renew")).token !== undefined;
  };
  world.fetch = async (url) => {
    await until(fetchIt, url);
    return world.foreign !== undefined;
  };
  try {
    const { error } = await until(openIt, index);
    if (error) throw new Error(`number ${index} could not be set up: ${error}`);
    return await run(world);
  } finally {
    await context.close();
  }
}

/** In the page: what a call leads to, in `window.outcome`; `quiet()` resolves when no request is on its way. */
function countFetches() {
  let live = 0;
  const platform = window.fetch;
  window.fetch = async (...request) => {
    live += 1;
    try {
      return await platform(...request);
    } finally {
      live -= 1;
    }
  };
  const turn = () =>
    new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = resolve;
      port2.postMessage("");
    });
  window.quiet = async () => {
    for (let still = 0; still < 3; still = live > 0 ? 0 : still + 1) await turn();
  };
  window.report = async (promise) => {
    window.outcome = undefined;
    const start = Date.now();
    const outcome = await promise.then(
      (token) => ({ token: token ?? undefined }),
      (error) => ({ error: String(error.code ?? error.errorCode ?? error.error ?? error.name ?? error) }),
    );
    window.outcome = { ...outcome, seconds: Math.floor((Date.now() - start) / 1000) };
  };
}

function openIt(index) {
  window.report(
    contestants.packages[index].open().then((client) => {
      window.client = client;
      return "open";
    }),
  );
}

function callIt({ what, times }) {
  const call = client[what] ?? client.get;
  window.report(Promise.all(Array.from({ length: times }, () => call())).then(([token]) => token));
}

function fetchIt(url) {
  window.report(client.fetch(url).then(({ status }) => String(status)));
}

/** The app's page, the token endpoint in whatever state it is in, and a foreign host. */
async function serve(route, world) {
  const request = route.request();
  const { origin, host, pathname } = new URL(request.url());
  if (origin === APP) return route.fulfill({ contentType: "text/html", body: "<!doctype html><title>app</title>" });
  const headers = {
    "access-control-allow-origin": APP,
    "access-control-allow-credentials": "true",
    "access-control-allow-headers": "*, authorization",
    "access-control-expose-headers": "retry-after",
  };
  if (host.startsWith("foreign.")) {
    if (request.method() !== "OPTIONS") world.foreign = (await request.allHeaders()).authorization;
    return route.fulfill({ headers, json: {} });
  }
  if (request.method() !== "POST" || !pathname.endsWith("/token")) return route.fulfill({ status: 404, headers, json: {} });
  world.requests += 1;
  if (world.service === "down") return route.abort("connectionrefused");
  if (world.service === "busy") {
    return route.fulfill({ status: 429, headers: { ...headers, "retry-after": "5" }, json: { error: "too_many_requests" } });
  }
  return route.fulfill({ headers, json: answer(world.now) });
}

async function version(name) {
  const folder = name === "sessionmint" ? "../../crates/browser" : `node_modules/${name}`;
  return JSON.parse(await readFile(join(here, folder, "package.json"))).version;
}

function report() {
  const line = (cells) => `| ${cells.join(" | ")} |`;
  const titled = ({ name, version, option }) => `${name} ${version}${option ? `, ${option}` : ""}`;
  const called = ({ calls }) => Object.values(calls).map((call) => `\`${call}\``);
  const notes = results.filter(({ note, option }) => note && !option);
  return [
    "# When something goes wrong",
    "",
    "What packages that hold a token for a browser app make of it: each as it comes from npm, in its default configuration unless said",
    "otherwise, in Chromium, against a token endpoint that behaves as described, on a clock that the script moves. Written by",
    "`cargo xtask bench browser --failures`, which fails if anything here is no longer so.",
    "",
    line(["package", ...SCENARIOS.map(({ title }) => title)]),
    line(["---", ...SCENARIOS.map(() => "---")]),
    ...results.map((result) => line([titled(result), ...result.cells.map(({ text }) => text)])),
    "",
    `Every token lives ${LIFE} s, and comes with all that the package needs to renew it.`,
    "",
    ...SCENARIOS.map(({ title, about }) => `- **${title}**: ${about}.`),
    "",
    "“The session is gone”: a minute later, with the token endpoint well, the package gives no token without another sign-in.",
    "",
    "## What was called, and why it is so",
    "",
    "| package | calls | |",
    "|---|---|---|",
    ...notes.map((result) => line([result.name, called(result).join(", "), result.note])),
    "",
  ].join("\n");
}
