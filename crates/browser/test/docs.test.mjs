// The types and the README are the contract: what one says, the other says too.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (name) => readFileSync(new URL(name, import.meta.url), "utf8");
const readme = read("../README.md");
const types = read("../js/index.d.ts");
const slim = read("../js/slim.d.ts");
const errors = read("../js/errors.js");

/** What a declaration holds: `interface Name` up to its brace, `type Name` up to its semicolon. */
function declaration(source, opening) {
  const [, body] = source.match(new RegExp(`\\nexport ${opening}\\b[^\\n]*\\n([^]*?)\\n?${opening.startsWith("type") ? ";" : "}"}\\n`)) ?? [];
  assert.ok(body, `no ${opening}`);
  return body;
}

/** The members of an interface. */
const members = (source, name) =>
  [...declaration(source, `interface ${name}`).matchAll(/^ {2}(?:readonly )?(\w+)[?<(:]/gm)].map(([, member]) => member);

/** The words in backticks in the first column of the tables of a section of the README. */
function firstColumn(section) {
  const text = readme.split(`\n## ${section}\n`)[1].split("\n## ")[0];
  const cells = [...text.matchAll(/^\| (.+?) \|/gm)].map(([, cell]) => cell);
  return cells.flatMap((cell) => [...cell.matchAll(/`(\w+)/g)].map(([, word]) => word));
}

const codes = [...declaration(types, "type TokenErrorCode").matchAll(/"(\w+)"/g)].map(([, code]) => code);

test("the README has every option, and no other", () => {
  const options = [...members(types, "TokenManagerOptions"), ...members(slim, "SlimOptions")];
  assert.deepEqual(firstColumn("Options").sort(), options.sort());
});

test("the README has every method, and no other", () => {
  assert.deepEqual(firstColumn("Methods").sort(), members(types, "TokenManager").sort());
});

test("the README has every event with its causes and reasons, and no other", () => {
  assert.deepEqual(firstColumn("Events").sort(), members(types, "TokenManagerEvents").sort());
  const words = (text) => [...text.matchAll(/"([a-z_]+)"/g)].map(([, word]) => word).sort();
  const section = readme.split("\n## Events\n")[1].split("\n## ")[0];
  assert.deepEqual(words(section), words(declaration(types, "interface TokenManagerEvents")));
});

test("the README has every error code, and no other, and says which are temporary", () => {
  assert.deepEqual(firstColumn("Errors").sort(), codes.sort());
  const temporary = [...readme.matchAll(/^\| `(\w+)` \| yes \|/gm)].map(([, code]) => code);
  const really = [...errors.match(/TEMPORARY = new Set\(\[(.*)\]\)/)[1].matchAll(/"(\w+)"/g)].map(([, code]) => code);
  assert.deepEqual(temporary.sort(), really.sort());
});

test("the types have every code that the package throws", () => {
  const sources = ["errors", "loader", "compile", "requests", "manager", "authorized-fetch"].map((name) => read(`../js/${name}.js`));
  const thrown = sources.flatMap((source) => [...source.matchAll(/TokenError\([^)]*?"(\w+)"|^ {2}"?([a-z]+_[a-z_]+)/gm)].map(([, a, b]) => a ?? b));
  assert.ok(thrown.length > codes.length);
  // Between the machine and `auth.fetch`, which answers it with the original response.
  const inner = new Set(["rejected_again"]);
  assert.deepEqual(thrown.filter((code) => !inner.has(code) && !codes.includes(code)), []);
});

test("everything in the types is explained", () => {
  for (const source of [types, slim]) {
    const lines = source.split("\n");
    const bare = lines.filter((line, at) => {
      const declares = /^export (?!\*)|^ {2,4}(?:readonly )?\w+[?<(:].*[;{]$|^ {2}\| "/.test(line);
      return declares && !/\*\/$/.test(lines[at - 1]);
    });
    assert.deepEqual(bare, []);
  }
});
