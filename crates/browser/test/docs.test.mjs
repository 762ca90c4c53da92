// The types, the README and the guides are the contract: what one says, the others say too.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (name) => readFileSync(new URL(name, import.meta.url), "utf8");
const readme = read("../README.md");
const types = read("../js/index.d.ts");
const slim = read("../js/slim.d.ts");
const isolated = read("../js/isolated.d.ts");
const session = read("../js/session.d.ts");
const testing = read("../js/testing.d.ts");
const guides = read("../FRAMEWORKS.md");
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

/** The words in backticks in the first column of the tables of a text. */
function inTables(text) {
  const cells = [...text.matchAll(/^\| (.+?) \|/gm)].map(([, cell]) => cell);
  return cells.flatMap((cell) => [...cell.matchAll(/`(\w+)/g)].map(([, word]) => word));
}

/** Those of a section of the README. */
const firstColumn = (section) => inTables(readme.split(`\n## ${section}\n`)[1].split("\n## ")[0]);

const codes = [...declaration(types, "type TokenErrorCode").matchAll(/"(\w+)"/g)].map(([, code]) => code);

test("the README has every option, and no other", () => {
  const interfaces = [[types, "TokenManagerOptions"], [slim, "SlimOptions"], [isolated, "IsolatedOptions"]];
  const options = interfaces.flatMap(([source, name]) => members(source, name));
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
  const sources = ["errors", "loader", "compile", "requests", "manager", "authorized-fetch", "isolated"].map((name) => read(`../js/${name}.js`));
  const thrown = sources.flatMap((source) => [...source.matchAll(/TokenError\([^)]*?"(\w+)"|^ {2}"?([a-z]+_[a-z_]+)/gm)].map(([, a, b]) => a ?? b));
  assert.ok(thrown.length > codes.length);
  // Between the machine and `auth.fetch`, which answers it with the original response.
  const inner = new Set(["rejected_again"]);
  assert.deepEqual(thrown.filter((code) => !inner.has(code) && !codes.includes(code)), []);
});

test("the guides have everything that a session has and takes, and nothing else", () => {
  const names = ["Session", "SessionActions", "SessionOptions"].flatMap((name) => members(session, name));
  assert.deepEqual(inTables(guides.split("\n## ")[0]).sort(), names.sort());
});

test("what the README and the guides import is there", () => {
  const { exports } = JSON.parse(read("../package.json"));
  const imports = [...(readme + guides).matchAll(/import \{ ([^}]+) \} from "sessionmint(\/\w+)?"/g)];
  assert.ok(imports.length > 12);
  for (const [line, names, entry = ""] of imports) {
    const declared = read(`../js/${exports[`.${entry}`].types}`);
    for (const name of names.split(", ")) assert.match(declared, new RegExp(`^export (function|class|type) ${name}\\b`, "m"), line);
  }
});

test("the guide to tests names all that a test has in hand", () => {
  const section = guides.split("\n## Tests of your app\n")[1];
  const prose = section.replace(/^```[^]*?^```$/gm, "");
  const words = new Set([...prose.matchAll(/`([^`]+)`/g)].flatMap(([, code]) => code.match(/\w+/g)));
  const failures = [...declaration(testing, "type Failure").matchAll(/"(\w+)"/g)].map(([, word]) => word);
  const interfaces = ["TestAuth", "FakeIam", "FakeIamOptions", "Script", "Fault", "SeenRequest", "VirtualClock"];
  // What the types say is enough for these.
  const apart = new Set(["underWay", "pending", "scope"]);
  const named = [...failures, ...interfaces.flatMap((name) => members(testing, name))];
  assert.deepEqual(named.filter((word) => !words.has(word) && !apart.has(word)), []);
});

test("every file named in the package's entries has its types, and every type is explained", () => {
  const { exports } = JSON.parse(read("../package.json"));
  const files = Object.values(exports).flatMap(({ types }) => types ?? []);
  assert.ok(files.length > 8);
  for (const source of files.map((file) => read(`../js/${file}`))) {
    const lines = source.split("\n");
    const bare = lines.filter((line, at) => {
      const declares = /^export (?!\*|type \{)|^ {2,4}(?:readonly )?\w+[?<(:].*[;{]$|^ {2}\| "/.test(line);
      return declares && !/\*\/$/.test(lines[at - 1]);
    });
    assert.deepEqual(bare, []);
  }
});
