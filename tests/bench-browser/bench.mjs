// What a cached token costs, in Node and in Chromium, beside other packages, and what the first one of a page: `node bench.mjs
// FOLDER [--quick]` writes the raw figures and tables into the folder.
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { launch } from "../harness/browser.mjs";
import { startFakeIam } from "../harness/fake-iam.mjs";
import { startPages } from "../harness/pages.mjs";
import { startSite } from "../harness/site.mjs";

const here = import.meta.dirname;
const [folder, quick] = process.argv.slice(2);
const effort = quick === "--quick" ? { rounds: 3, millis: 10, pages: 5 } : { rounds: 15, millis: 40, pages: 51 };
/** Milliseconds that the first token of a page may take longer than the request for it. */
const FIRST_TOKEN = 10;
/** The call, its floor, and how many times the floor it may take. */
const GOALS = [
  ["peek()", "Date.now()", 1.5],
  ["await getToken()", "await of an async function that returns a constant", 2],
  ["await getToken()", "the same, with a look at the clock", 1.5],
];

await mkdir(folder, { recursive: true });
const runs = { Node: await inNode(), Chromium: await inChromium() };
const first = await firstTokens();
await writeFile(join(folder, `${Math.floor(Date.now() / 1000)}.json`), JSON.stringify({ ...runs, first }, undefined, 2));
const goals = Object.keys(runs).flatMap((engine) => GOALS.map((goal) => judge(engine, ...goal)));
const text = await report();
await writeFile(join(folder, "RESULTS.md"), text);
console.log(text);
process.exit();

async function bundle(platform) {
  const outfile = join(folder, `${platform}.mjs`);
  await build({
    entryPoints: [join(here, "contestants.js")],
    outfile,
    platform,
    bundle: true,
    minify: true,
    format: "esm",
    mainFields: ["module", "main"],
    define: { "process.env.NODE_ENV": '"production"' },
    logLevel: "error",
  });
  return outfile;
}

async function inNode() {
  const { contestants, measure } = await import(pathToFileURL(await bundle("node")));
  return { version: process.version, ...(await measure(contestants, effort)) };
}

async function inChromium() {
  await bundle("browser");
  const site = await startSite({ folders: [folder, join(here, "../browser/pages")], scripts: "'self' 'unsafe-eval'" });
  const browser = await launch();
  try {
    const page = await (await browser.newContext()).newPage();
    await page.goto(`${site.origin}/blank.html`);
    const version = await page.evaluate(() => navigator.userAgent.match(/Chrome\/(\d+)/)[1]);
    const measured = await page.evaluate(async (effort) => {
      const { contestants, measure } = await import("/browser.mjs");
      return measure(contestants, effort);
    }, effort);
    return { version, ...measured };
  } finally {
    await browser.close();
    await site.stop();
  }
}

/** Milliseconds to the first token of a page that was just loaded, and to the answer of a bare request for it; in turns. */
async function firstTokens() {
  const [pages, fake] = [await startPages(), await startFakeIam()];
  const browser = await launch();
  const taken = { bare: [], ours: [] };
  try {
    const page = await (await browser.newContext()).newPage();
    for (let round = 0; round < effort.pages; round++) {
      for (const [name, run] of Object.entries({ bare: bareRequest, ours: firstToken })) {
        await page.goto(pages.origin);
        taken[name].push(await page.evaluate(run, fake.iam));
      }
    }
  } finally {
    await browser.close();
    await Promise.all([pages.stop(), fake.stop()]);
  }
  return taken;
}

async function bareRequest(iam) {
  await import("/pkg/index.js");
  const start = performance.now();
  const body = new URLSearchParams({ grant_type: "session", idle_for: "0" });
  await (await fetch(`${iam}/oauth/token`, { method: "POST", credentials: "include", body })).json();
  return performance.now() - start;
}

async function firstToken(iam) {
  const { createTokenManager } = await import("/pkg/index.js");
  const auth = createTokenManager({ iam });
  const start = performance.now();
  await auth.getToken();
  return performance.now() - start;
}

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

function find(engine, call) {
  return runs[engine].figures.find((figure) => figure.call === call);
}

function judge(engine, call, floor, most) {
  const ratio = find(engine, call).nanoseconds / find(engine, floor).nanoseconds;
  return { engine, call, floor, most, ratio };
}

async function report() {
  const lines = [
    "# A cached token, in nanoseconds per call",
    "",
    `Node ${runs.Node.version} and Chromium ${runs.Chromium.version}, one run, medians of ${effort.rounds} rounds in turns. A valid token is at hand and no`,
    "request is made. Absolute figures belong to the machine; compare within a column.",
    "",
    "| package | call | Node | Chromium |",
    "|---|---|---:|---:|",
  ];
  for (const { name, call } of runs.Chromium.figures) {
    const cells = ["Node", "Chromium"].map((engine) => {
      const figure = find(engine, call);
      return figure ? format(figure.nanoseconds) : "needs a browser";
    });
    lines.push(`| ${await titled(name)} | \`${call}\` | ${cells.join(" | ")} |`);
  }
  lines.push("", "| goal | engine | ratio | |", "|---|---|---:|---|");
  for (const { engine, call, floor, most, ratio } of goals) {
    lines.push(`| \`${call}\` at most ${most} × ${floor} | ${engine} | ${ratio.toFixed(2)} | ${ratio <= most ? "met" : "missed"} |`);
  }
  lines.push(
    "",
    "A cached token is served only after a look at the clock: a page that slept has had no timer that could drop it.",
  );
  const [bare, ours] = [median(first.bare), median(first.ours)];
  lines.push(
    "",
    "# The first token of a page, in milliseconds",
    "",
    `Chromium, ${effort.pages} pages each in turns, medians: from the first need to the token, WebAssembly and all, beside a bare \`fetch\` of`,
    "the endpoint. The package's script is loaded by then.",
    "",
    "| bare request | first token | more | goal | |",
    "|---:|---:|---:|---:|---|",
    `| ${bare.toFixed(1)} | ${ours.toFixed(1)} | ${(ours - bare).toFixed(1)} | ${FIRST_TOKEN} | ${ours - bare <= FIRST_TOKEN ? "met" : "missed"} |`,
  );
  const absent = runs.Chromium.absent.map(({ name, why }) => `\nNot measured: ${name} (${why}).`);
  return [...lines, ...absent, ""].join("\n");
}

async function titled(name) {
  const path = name === "sessionmint" ? join(here, "../../crates/browser/package.json") : join(here, "node_modules", name, "package.json");
  if (name === "floor") return "floor";
  return `${name} ${JSON.parse(await readFile(path)).version}`;
}

function format(nanoseconds) {
  return nanoseconds.toFixed(nanoseconds < 100 ? 1 : 0).replace(/\B(?=(\d{3})+$)/g, ",");
}
