// Draws the tokens as bars on a moving time axis. Positions go through the CSSOM, which the page's CSP allows; the
// log below the chart tells the same to people who do not see it.
import { h, setAttribute, setText } from "../dom.ts";
import { placeLabels, type Labelled } from "../trace/labels.ts";
import {
  drawnUntil,
  groupUses,
  lanesOf,
  phaseOf,
  position,
  secondsLeft,
  tickStep,
  viewAt,
  type Mark,
  type Phase,
  type TokenBar,
  type View,
} from "../trace/timeline.ts";
import type { Trace } from "../trace/trace.ts";
import { everyFrame } from "./frames.ts";

/** What ended longer ago is forgotten. */
const KEEP_MS = 20 * 60_000;
/** Calls of one label that lie closer than this are drawn as one with a count. */
const GROUP_SHARE = 0.01;
/** Widths in pixels: between two ticks at least, of a tick's words, and of the flag at "now". */
const TICK_EVERY = 72;
const TICK_ROOM = 52;
const NOW_ROOM = 44;
/** A bar narrower than this has no room for the count of its calls. */
const COUNT_ROOM = 36;
const LABEL_PADDING = 7;
const KEYS: readonly (readonly [key: string, title: string])[] = [
  ["api", "for the services"],
  ["account", "for the account pages"],
];
const LEGEND: readonly (readonly [swatch: string, text: string])[] = [
  ["live", "valid"],
  ["expiring", "about to end"],
  ["gone", "renewed or gone"],
  ["call", "call"],
  ["failed", "failed"],
  ["degraded", "out of reach"],
  ["recovered", "back"],
  ["signed-out", "signed out"],
];

/** The chart and its legend. */
export function timelineChart(trace: Trace): HTMLElement {
  const axis = h("div", { class: "axis" });
  const marks = h("div", { class: "marks" });
  const now = h("div", { class: "now" }, h("span", {}, "now"));
  const tracks = KEYS.map(([key, title]) => new Track(key, title));
  const chart = h(
    "div",
    { class: "chart", "data-testid": "timeline", role: "img", "aria-label": "Tokens of this page on a time axis" },
    axis,
    marks,
    now,
    ...tracks.map((track) => track.element),
  );

  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const measure = ruler(chart);
  let width = 0;
  new ResizeObserver(() => (width = chart.clientWidth)).observe(chart);
  let view: View | undefined;
  everyFrame((at) => {
    trace.timeline.prune(at - KEEP_MS);
    view = glide(view, viewAt(trace.timeline.bars, at), calm.matches);
    drawAxis(axis, view, at, width);
    drawMarks(marks, trace.timeline.marks, view);
    place(now, "--x", position(at, view));
    for (const track of tracks) track.draw(trace.timeline.bars, { view, at, width, measure });
  });
  return h("div", {}, chart, legend());
}

/** What a track needs to draw itself. */
interface Frame {
  view: View;
  at: number;
  /** Of the chart, in pixels. */
  width: number;
  measure: (text: string) => number;
}

function legend(): HTMLElement {
  const item = ([swatch, text]: (typeof LEGEND)[number]) =>
    h("li", {}, h("span", { class: "swatch", "data-swatch": swatch, "aria-hidden": "true" }), text);
  return h("ul", { class: "legend", "aria-label": "Legend" }, ...LEGEND.map(item));
}

/** Measures words in the font of the labels, without a layout. */
function ruler(chart: HTMLElement): (text: string) => number {
  const context = document.createElement("canvas").getContext("2d");
  const known = new Map<string, number>();
  return (text) => {
    // All digits are as wide as a zero in the labels.
    const key = text.replaceAll(/\d/g, "0");
    let width = known.get(key);
    if (width === undefined) {
      if (context) context.font = `12px ${getComputedStyle(chart).fontFamily}`;
      width = Math.ceil(context?.measureText(key).width ?? key.length * 7) + LABEL_PADDING;
      known.set(key, width);
    }
    return width;
  };
}

/** Moves the edges of the view a little towards the wanted ones, so that a change of scale can be followed. */
function glide(from: View | undefined, to: View, calm: boolean): View {
  if (!from || calm) return to;
  const share = 0.18;
  return { start: from.start + (to.start - from.start) * share, end: from.end + (to.end - from.end) * share };
}

/** The row or rows of one kind of token. */
class Track {
  readonly element: HTMLElement;
  readonly #key: string;
  readonly #lanes = h("div", { class: "lanes" });
  readonly #bars = new Map<string, Bar>();

  constructor(key: string, title: string) {
    this.#key = key;
    this.element = h("div", { class: "track", "data-key": key }, h("p", { class: "track-title" }, title), this.#lanes);
  }

  draw(all: readonly TokenBar[], frame: Frame): void {
    const { view, at, width, measure } = frame;
    const own = all.filter((bar) => bar.key === this.#key);
    const lanes = lanesOf(own);
    const visible = own.filter((bar) => drawnUntil(bar) > view.start);
    const shown = new Set(visible.map((bar) => bar.id));
    for (const [id, bar] of this.#bars) {
      if (shown.has(id)) continue;
      bar.remove();
      this.#bars.delete(id);
    }
    const labelled = visible.map((bar): Labelled => ({
      left: position(bar.mintedAt, view) * width,
      lane: lanes[own.indexOf(bar)] ?? 0,
      wordings: wordings(bar, at),
    }));
    const labels = placeLabels(labelled, width, measure);
    visible.forEach((bar, index) => {
      let drawn = this.#bars.get(bar.id);
      if (!drawn) {
        drawn = new Bar();
        this.#bars.set(bar.id, drawn);
        this.#lanes.append(drawn.element, drawn.label);
      }
      const label = labels[index];
      drawn.draw(bar, labelled[index]?.lane ?? 0, frame);
      drawn.tell(bar, label?.text ?? "", (label?.left ?? 0) / Math.max(width, 1));
    });
    this.element.hidden = own.length === 0 && this.#key !== "api";
    this.#lanes.style.setProperty("--lanes", String(Math.max(this.#key === "api" ? 2 : 1, ...lanes.map((lane) => lane + 1))));
  }
}

/** One token: the bar, the part that is spent, a tick for each call, and the label above all lines. */
class Bar {
  readonly label = h("span", { class: "bar-label" });
  readonly #spent = h("span", { class: "bar-spent" });
  readonly #uses = h("span", { class: "bar-uses" });
  readonly element = h(
    "div",
    { class: "bar", "data-testid": "token-bar" },
    h("span", { class: "bar-life" }, this.#spent),
    this.#uses,
  );

  remove(): void {
    this.element.remove();
    this.label.remove();
  }

  /** Puts the words above the bar; `x` is a share of the chart's width. */
  tell(bar: TokenBar, text: string, x: number): void {
    this.label.hidden = text === "";
    setText(this.label, text);
    setAttribute(this.label, "title", `${bar.name}, asked for by ${bar.askedBy}`);
    place(this.label, "--x", x);
  }

  draw(bar: TokenBar, lane: number, { view, at, width }: Frame): void {
    const phase = phaseOf(bar, at);
    const left = position(bar.mintedAt, view);
    const end = drawnUntil(bar);
    const right = position(end, view);
    const until = position(Math.min(at, bar.ended?.at ?? end, end), view);
    setAttribute(this.element, "data-phase", phase);
    setAttribute(this.element, "data-token", bar.name);
    setAttribute(this.element, "data-narrow", String((right - left) * width < COUNT_ROOM));
    place(this.element, "--lane", lane);
    place(this.label, "--lane", lane);
    place(this.element, "--l", left);
    place(this.element, "--r", right);
    place(this.element, "--spent", (until - left) / Math.max(right - left, Number.EPSILON));
    this.#drawUses(bar, view);
  }

  #drawUses(bar: TokenBar, view: View): void {
    const groups = groupUses(bar.uses, (view.end - view.start) * GROUP_SHARE);
    while (this.#uses.childElementCount > groups.length) this.#uses.lastElementChild?.remove();
    groups.forEach((group, index) => {
      let tick = this.#uses.children[index] as HTMLElement | undefined;
      if (!tick) this.#uses.append((tick = h("span", { class: "use" }, h("span"))));
      const share = (group.at - bar.mintedAt) / Math.max(drawnUntil(bar) - bar.mintedAt, 1);
      place(tick, "--at", Math.min(1, Math.max(0, share)));
      setAttribute(tick, "title", group.count > 1 ? `${group.label}, ${group.count} calls` : group.label);
      setAttribute(tick, "data-failed", String(group.failed > 0));
      if (tick.firstElementChild) setText(tick.firstElementChild, group.count > 1 ? `×${group.count}` : "");
    });
  }
}

/** What to say about a token, in as many words as there is room for. */
function wordings(bar: TokenBar, at: number): string[] {
  const left = remains(bar, phaseOf(bar, at), at);
  return [[bar.name, bar.askedBy, left], [bar.name, left], [bar.name]].map((parts) => parts.filter(Boolean).join(" · "));
}

function remains(bar: TokenBar, phase: Phase, at: number): string {
  if (phase === "renewed") return "renewed";
  if (phase === "expired") return "expired";
  if (phase === "ended") return bar.ended?.why ?? "ended";
  return `${secondsLeft(bar, at)} s left`;
}

function drawAxis(axis: HTMLElement, view: View, at: number, width: number): void {
  const step = tickStep(view, Math.max(2, Math.floor(width / TICK_EVERY)));
  const now = position(at, view) * width;
  const first = Math.ceil((view.start - at) / step);
  const last = Math.floor((view.end - at) / step);
  const count = Math.max(0, last - first + 1);
  while (axis.childElementCount > count) axis.lastElementChild?.remove();
  for (let index = 0; index < count; index += 1) {
    let tick = axis.children[index] as HTMLElement | undefined;
    if (!tick) axis.append((tick = h("span", { class: "tick" })));
    const offset = (first + index) * step;
    const x = position(at + offset, view);
    place(tick, "--x", x);
    // Words that would be cut at the edge, or lie under the flag at "now", are left out; the line stays.
    const clear = x * width + TICK_ROOM < width && (x * width > now + NOW_ROOM || x * width + TICK_ROOM < now);
    setText(tick, clear ? seconds(offset) : "");
  }
}

function seconds(offset: number): string {
  const sign = offset < 0 ? "−" : "+";
  const total = Math.abs(offset) / 1000;
  return total % 60 === 0 ? `${sign}${total / 60} min` : `${sign}${total} s`;
}

function drawMarks(box: HTMLElement, marks: readonly Mark[], view: View): void {
  const visible = marks.filter((mark) => mark.at >= view.start);
  while (box.childElementCount > visible.length) box.lastElementChild?.remove();
  visible.forEach((mark, index) => {
    let line = box.children[index] as HTMLElement | undefined;
    if (!line) box.append((line = h("span", { class: "mark" })));
    setAttribute(line, "data-kind", mark.kind);
    setAttribute(line, "title", `${mark.kind}: ${mark.text}`);
    place(line, "--x", position(mark.at, view));
  });
}

function place(element: HTMLElement, property: string, value: number): void {
  element.style.setProperty(property, value.toFixed(5));
}
