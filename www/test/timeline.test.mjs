// What the timeline says about tokens, without drawing it.
import assert from "node:assert/strict";
import { test } from "node:test";

import { source } from "./source.mjs";

const {
  Timeline,
  describeAskers,
  groupUses,
  lanesOf,
  phaseOf,
  position,
  secondsLeft,
  tickStep,
  viewAt,
} = await source("trace/timeline.ts");

function token(id, mintedAt, life = 15_000, key = "api") {
  return { id, name: id, key, scope: "notes:read", mintedAt, expiresAt: mintedAt + life, askedBy: "page load" };
}

test("a token goes from live over expiring to expired", () => {
  const bar = new Timeline().minted(token("a", 0));
  assert.equal(phaseOf(bar, 0), "live");
  assert.equal(phaseOf(bar, 11_999), "live");
  assert.equal(phaseOf(bar, 12_000), "expiring");
  assert.equal(phaseOf(bar, 14_999), "expiring");
  assert.equal(phaseOf(bar, 15_000), "expired");
});

test("a long token is expiring for at most half a minute", () => {
  const bar = new Timeline().minted(token("a", 0, 300_000));
  assert.equal(phaseOf(bar, 269_999), "live");
  assert.equal(phaseOf(bar, 270_000), "expiring");
});

test("a new token renews the older one of its key and leaves other keys alone", () => {
  const timeline = new Timeline();
  const first = timeline.minted(token("a", 0));
  const account = timeline.minted(token("b", 0, 300_000, "account"));
  timeline.minted(token("c", 12_000));
  assert.deepEqual(first.ended, { at: 12_000, why: "renewed" });
  assert.equal(phaseOf(first, 12_000), "renewed");
  assert.equal(phaseOf(first, 11_000), "live");
  assert.equal(account.ended, undefined);
  assert.equal(timeline.current("api", 12_000)?.id, "c");
  assert.equal(timeline.current("account", 12_000)?.id, "b");
});

test("a token that had expired before the next one came was not renewed", () => {
  const timeline = new Timeline();
  const first = timeline.minted(token("a", 0));
  timeline.minted(token("b", 20_000));
  assert.equal(first.ended, undefined);
  assert.equal(phaseOf(first, 20_000), "expired");
});

test("the same token seen twice is one bar", () => {
  const timeline = new Timeline();
  const first = timeline.minted(token("a", 0));
  assert.equal(timeline.minted(token("a", 500)), first);
  assert.equal(timeline.bars.length, 1);
});

test("sign-out ends every usable token, and only those", () => {
  const timeline = new Timeline();
  const old = timeline.minted(token("a", 0));
  const api = timeline.minted(token("b", 20_000));
  const account = timeline.minted(token("c", 20_000, 300_000, "account"));
  timeline.endAll(21_000, "signed out");
  assert.equal(old.ended, undefined);
  assert.deepEqual(api.ended, { at: 21_000, why: "signed out" });
  assert.equal(phaseOf(account, 21_000), "ended");
  assert.equal(timeline.current("api", 21_000), undefined);
});

test("calls are kept with the token that carried them", () => {
  const timeline = new Timeline();
  timeline.minted(token("a", 0));
  timeline.minted(token("b", 12_000));
  timeline.used("a", { at: 100, label: "notes list", status: 200 });
  timeline.used("gone", { at: 100, label: "notes list", status: 200 });
  assert.deepEqual(
    timeline.bars.map((bar) => bar.uses.length),
    [1, 0],
  );
});

test("a burst is told as one group with its count and failures", () => {
  const uses = Array.from({ length: 20 }, (_, i) => ({ at: 1000 + i, label: "burst of 20", status: i === 3 ? 503 : 200 }));
  uses.push({ at: 1020, label: "add note", status: 201 });
  uses.push({ at: 9000, label: "add note", status: 0 });
  assert.deepEqual(groupUses(uses, 400), [
    { at: 1000, label: "burst of 20", count: 20, failed: 1 },
    { at: 1020, label: "add note", count: 1, failed: 0 },
    { at: 9000, label: "add note", count: 1, failed: 1 },
  ]);
});

test("overlapping tokens get rows of their own and rows are used again", () => {
  const bars = [token("a", 0), token("b", 12_000), token("c", 24_000), token("d", 25_000)].map((t) =>
    new Timeline().minted(t),
  );
  assert.deepEqual(lanesOf(bars), [0, 1, 0, 1].map((lane, i) => (i === 3 ? 2 : lane)));
});

test("a dropped token gives its row back at once, a renewed one at its end", () => {
  const timeline = new Timeline();
  timeline.minted(token("a", 0, 300_000));
  timeline.endAll(5000, "dropped");
  timeline.minted(token("b", 5000, 15_000));
  timeline.minted(token("c", 17_000, 15_000));
  assert.deepEqual(lanesOf(timeline.bars), [0, 0, 1]);
});

test("the view holds now, every usable token and its past, for short and long tokens", () => {
  for (const life of [15_000, 300_000]) {
    const timeline = new Timeline();
    timeline.minted(token("a", 0, life));
    const now = life / 2;
    const view = viewAt(timeline.bars, now);
    assert.ok(position(0, view) > 0);
    assert.ok(position(life, view) < 1);
    assert.ok(position(now, view) > 0.3 && position(now, view) < 0.9);
    assert.ok((view.end - view.start) / tickStep(view, 8) <= 8);
  }
  const empty = viewAt([], 1000);
  assert.ok(position(1000, empty) > 0.5 && position(1000, empty) < 1);
});

test("what ended long ago is forgotten", () => {
  const timeline = new Timeline();
  timeline.minted(token("a", 0));
  timeline.minted(token("b", 100_000));
  timeline.mark({ at: 10, kind: "failed", text: "x" });
  timeline.prune(50_000);
  assert.deepEqual(timeline.bars.map((bar) => bar.id), ["b"]);
  assert.equal(timeline.marks.length, 0);
});

test("who asked is told once per label, and nobody means the background", () => {
  assert.equal(describeAskers([]), "background");
  assert.equal(describeAskers(Array(20).fill("burst of 20")), "burst of 20");
  assert.equal(describeAskers(["page load", "notes list"]), "page load and notes list");
  assert.equal(describeAskers(["a", "b", "c"]), "a, b and c");
});

test("the calls of a burst that fail alike leave one mark", () => {
  const timeline = new Timeline();
  for (let i = 0; i < 20; i += 1) timeline.mark({ at: 1000 + i, kind: "failed", text: "burst of 20: timeout" });
  timeline.mark({ at: 1010, kind: "failed", text: "add note: timeout" });
  timeline.mark({ at: 2500, kind: "failed", text: "burst of 20: timeout" });
  assert.deepEqual(timeline.marks.map((mark) => mark.at), [1000, 1010, 2500]);
});

test("the seconds left count the one that has begun", () => {
  const bar = new Timeline().minted(token("a", 0));
  assert.equal(secondsLeft(bar, 0), 15);
  assert.equal(secondsLeft(bar, 999), 15);
  assert.equal(secondsLeft(bar, 1000), 14);
});
