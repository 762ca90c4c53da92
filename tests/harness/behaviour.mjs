// Tests that run in every engine. What an engine cannot show says why, where the test is written; the run counts and prints
// it, and the table of tests/browser/ENGINES.md lists it.
import * as node from "node:test";
import { engine, ENGINES } from "./engine.mjs";

/** The behaviours that the files imported so far have, if they are only listed and not to run. */
export const listed = process.env.LIST_BEHAVIOURS ? [] : undefined;

const nothing = () => {};
export const [after, afterEach, before, beforeEach] = listed
  ? Array(4).fill(nothing)
  : [node.after, node.afterEach, node.before, node.beforeEach];

/**
 * A behaviour.
 * @param {object} [cannot] by engine, why it or its driver cannot show this
 */
export function test(name, ...rest) {
  const [cannot, run] = rest.length === 2 ? rest : [{}, ...rest];
  for (const key of Object.keys(cannot)) if (!(key in ENGINES)) throw new Error(`no engine is called ${key}`);
  if (listed) return listed.push({ name, cannot });
  const reason = cannot[engine];
  node.test(name, { skip: reason && `${ENGINES[engine]} cannot show this: ${reason}` }, run);
}

/** The behaviours that `define` has, which have nothing in common, run at the same time. */
export function together(name, define) {
  if (listed) return define();
  node.describe(name, { concurrency: true }, define);
}
