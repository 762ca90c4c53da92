// The words above the bars of the chart.
import assert from "node:assert/strict";
import { test } from "node:test";

import { source } from "./source.mjs";

const { placeLabels } = await source("trace/labels.ts");

const WORDINGS = ["a very long wording", "a short one", "tiny"];
const measure = (text) => text.length * 10;
const place = (bars, width) => placeLabels(bars.map(([left, lane]) => ({ left, lane, wordings: WORDINGS })), width, measure);

test("a label begins at its bar and may be longer than it, as far as the row is free", () => {
  assert.deepEqual(place([[100, 0]], 600), [{ left: 100, text: WORDINGS[0] }]);
  assert.deepEqual(place([[100, 0], [230, 0]], 600), [{ left: 100, text: WORDINGS[1] }, { left: 230, text: WORDINGS[0] }]);
  assert.deepEqual(place([[100, 0], [230, 1]], 600), [{ left: 100, text: WORDINGS[0] }, { left: 230, text: WORDINGS[0] }]);
});

test("a bar that begins left of the chart has its label at the edge", () => {
  assert.deepEqual(place([[-500, 0]], 600), [{ left: 0, text: WORDINGS[0] }]);
});

test("at the right edge the label moves left rather than be cut, but not over its neighbour", () => {
  assert.deepEqual(place([[580, 0]], 600), [{ left: 600 - 190, text: WORDINGS[0] }]);
  assert.deepEqual(place([[400, 0], [580, 0]], 600), [{ left: 400, text: WORDINGS[1] }, { left: 560, text: WORDINGS[2] }]);
});

test("without room for the shortest wording there is none", () => {
  assert.deepEqual(place([[100, 0], [130, 0]], 600), [undefined, { left: 130, text: WORDINGS[0] }]);
});
