// The table of behaviours and engines, from the tests themselves: checks tests/browser/ENGINES.md, or writes it (`--fill`).
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

process.env.LIST_BEHAVIOURS = "yes";
const { ENGINES } = await import("./engine.mjs");
const { listed } = await import("./behaviour.mjs");

const folder = resolve(import.meta.dirname, "../browser");
const table = join(folder, "ENGINES.md");
const files = readdirSync(folder).filter((name) => name.endsWith(".test.mjs")).sort();
const sections = [];
for (const file of files) {
  const source = readFileSync(join(folder, file), "utf8");
  if (source.includes('from "node:test"')) fail(`${file} takes \`test\` from node:test; take it from ../harness/behaviour.mjs`);
  await import(join(folder, file));
  const behaviours = listed.splice(0);
  if (behaviours.length === 0) fail(`${file} has no behaviour`);
  sections.push({ title: source.split("\n")[0].replace(/^\/\/ /, ""), file, behaviours });
}
const all = sections.flatMap(({ behaviours }) => behaviours);
const shown = (engine) => all.filter(({ cannot }) => !(engine in cannot)).length;

const cell = (text) => text.replaceAll("|", "\\|");
const row = (cells) => `| ${cells.join(" | ")} |`;
const text = [
  "# Behaviours and engines",
  "",
  "Each behaviour of the app and of the npm package is shown in Chromium, Firefox and WebKit, by the tests of this folder. What an",
  "engine or its driver cannot show has its reason here; the test command counts and prints it. The table is made from the tests,",
  "and checked by the test command: `node tests/harness/engines.mjs --fill` writes it anew.",
  "",
  row(["", ...Object.values(ENGINES)]),
  row(Array(4).fill("---")),
  row(["**shown**", ...Object.keys(ENGINES).map((engine) => `${shown(engine)} of ${all.length}`)]),
  ...sections.flatMap(({ title, file, behaviours }) => [
    "",
    `## ${file}`,
    "",
    title,
    "",
    row(["behaviour", ...Object.values(ENGINES)]),
    row(Array(4).fill("---")),
    ...behaviours.map(({ name, cannot }) =>
      row([cell(name.replaceAll("_", " ")), ...Object.keys(ENGINES).map((engine) => (cannot[engine] ? `no: ${cell(cannot[engine])}` : "yes"))]),
    ),
  ]),
  "",
].join("\n");

if (process.argv.includes("--fill")) writeFileSync(table, text);
else if (readFileSync(table, "utf8") !== text) fail("tests/browser/ENGINES.md is not what the tests say; `node tests/harness/engines.mjs --fill` writes it");

function fail(why) {
  console.error(why);
  process.exit(1);
}
