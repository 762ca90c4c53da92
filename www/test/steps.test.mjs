// The eight steps of the flow.
import assert from "node:assert/strict";
import { test } from "node:test";

import { source } from "./source.mjs";

const { Steps } = await source("trace/steps.ts");

test("there are eight, all open at the start", () => {
  const steps = new Steps();
  assert.deepEqual(
    steps.all.map((step) => [step.number, step.state]),
    [1, 2, 3, 4, 5, 6, 7, 8].map((number) => [number, "todo"]),
  );
  assert.equal(steps.latest, 1);
});

test("a live session skips what it makes unnecessary, never what happened", () => {
  const steps = new Steps();
  steps.set(1, "done");
  steps.set(3, "done");
  steps.skip(3, 6, "the session was alive");
  assert.deepEqual(
    steps.all.map((step) => step.state),
    ["done", "todo", "done", "skipped", "skipped", "skipped", "todo", "todo"],
  );
});

test("the step to explain is the active one, else the last that happened", () => {
  const steps = new Steps();
  steps.set(1, "done");
  steps.set(2, "active");
  assert.equal(steps.latest, 2);
  steps.set(2, "done", "12 ms");
  assert.equal(steps.latest, 2);
  assert.ok(steps.isDone(2));
  steps.restart();
  assert.equal(steps.latest, 1);
  assert.equal(steps.all[1]?.seen, undefined);
});

test("the last step shows the call that was made", () => {
  const steps = new Steps();
  assert.match(steps.all[7].wire, /^GET \/notes with/);
  steps.called("POST /notes");
  assert.match(steps.all[7].wire, /^POST \/notes with/);
});

test("a token that another tab had is not called minted, until the flow begins anew", () => {
  const steps = new Steps();
  steps.set(1, "done");
  steps.set(2, "active");
  steps.handedOver("9 ms");
  assert.deepEqual(
    steps.all.map((step) => step.state),
    ["done", "skipped", "skipped", "skipped", "skipped", "skipped", "done", "todo"],
  );
  assert.match(steps.all[6].title, /handed over/);
  assert.doesNotMatch(steps.all[6].wire, /POST/);
  steps.restart();
  assert.match(steps.all[6].title, /minted/);
  assert.match(steps.all[6].wire, /POST/);
});
