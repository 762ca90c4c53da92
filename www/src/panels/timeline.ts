// Draws the tokens as bars on a moving time axis. Positions go through the CSSOM, which the page's CSP allows; the
// log below the chart tells the same to people who do not see it.
import { h, setAttribute, setText } from "../dom.ts";
import {
  drawnUntil,
  groupUses,
  lanesOf,
  phaseOf,
  position,
  tickStep,
  viewAt,
  type Mark,
  type Phase,
  type TokenBar,
  type View,
} from "../trace/timeline.ts";
import type { Trace } from "../trace/trace.ts";

/** What ended longer ago is forgotten. */
const KEEP_MS = 20 * 60_000;
/** Calls of one label that lie closer than this are drawn as one with a count. */
const GROUP_SHARE = 0.01;
const MOST_TICKS = 7;
const KEYS: readonly (readonly [key: string, title: string])[] = [
  ["api", "for the services"],
  ["account", "for the account pages"],
];

/** The chart. It redraws while the page is visible: a few times a second, once a second with reduced motion. */
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
  let view: View | undefined;
  let drawn = 0;
  const draw = (time: number) => {
    requestAnimationFrame(draw);
    if (time - drawn < (calm.matches ? 1000 : 60)) return;
    drawn = time;
    const at = performance.now();
    trace.timeline.prune(at - KEEP_MS);
    view = glide(view, viewAt(trace.timeline.bars, at), calm.matches);
    drawAxis(axis, view, at);
    drawMarks(marks, trace.timeline.marks, view);
    place(now, "--x", position(at, view));
    for (const track of tracks) track.draw(trace.timeline.bars, view, at);
  };
  requestAnimationFrame(draw);
  return chart;
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

  draw(all: readonly TokenBar[], view: View, at: number): void {
    const own = all.filter((bar) => bar.key === this.#key);
    const lanes = lanesOf(own);
    const visible = own.filter((bar) => drawnUntil(bar) > view.start);
    const shown = new Set(visible.map((bar) => bar.id));
    for (const [id, bar] of this.#bars) {
      if (shown.has(id)) continue;
      bar.element.remove();
      this.#bars.delete(id);
    }
    for (const bar of visible) {
      let drawn = this.#bars.get(bar.id);
      if (!drawn) {
        drawn = new Bar();
        this.#bars.set(bar.id, drawn);
        this.#lanes.append(drawn.element);
      }
      drawn.draw(bar, lanes[own.indexOf(bar)] ?? 0, view, at);
    }
    this.element.hidden = own.length === 0 && this.#key !== "api";
    this.#lanes.style.setProperty("--lanes", String(Math.max(this.#key === "api" ? 2 : 1, ...lanes.map((lane) => lane + 1))));
  }
}

/** One token: a label, the bar, the part that is spent, and a tick for each call. */
class Bar {
  readonly #label = h("span", { class: "bar-label" });
  readonly #spent = h("span", { class: "bar-spent" });
  readonly #uses = h("span", { class: "bar-uses" });
  readonly element = h(
    "div",
    { class: "bar", "data-testid": "token-bar" },
    this.#label,
    h("span", { class: "bar-life" }, this.#spent),
    this.#uses,
  );

  draw(bar: TokenBar, lane: number, view: View, at: number): void {
    const phase = phaseOf(bar, at);
    const left = position(bar.mintedAt, view);
    const end = drawnUntil(bar);
    const right = position(end, view);
    const until = position(Math.min(at, bar.ended?.at ?? end, end), view);
    setAttribute(this.element, "data-phase", phase);
    setAttribute(this.element, "data-token", bar.name);
    place(this.element, "--lane", lane);
    place(this.element, "--l", left);
    place(this.element, "--r", right);
    place(this.element, "--spent", (until - left) / Math.max(right - left, Number.EPSILON));
    // A label whose bar begins left of the edge stays readable at the edge.
    place(this.element, "--label", Math.max(0, -left));
    setAttribute(this.#label, "title", bar.askedBy);
    setText(this.#label, `${bar.name} · ${bar.askedBy} · ${remains(bar, phase, at)}`);
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

function remains(bar: TokenBar, phase: Phase, at: number): string {
  if (phase === "renewed") return "renewed";
  if (phase === "expired") return "expired";
  if (phase === "ended") return bar.ended?.why ?? "ended";
  return `${Math.ceil((bar.expiresAt - at) / 1000)} s left`;
}

function drawAxis(axis: HTMLElement, view: View, at: number): void {
  const step = tickStep(view, MOST_TICKS);
  const first = Math.ceil((view.start - at) / step);
  const last = Math.floor((view.end - at) / step);
  const count = Math.max(0, last - first + 1);
  while (axis.childElementCount > count) axis.lastElementChild?.remove();
  for (let index = 0; index < count; index += 1) {
    let tick = axis.children[index] as HTMLElement | undefined;
    if (!tick) axis.append((tick = h("span", { class: "tick" })));
    const offset = (first + index) * step;
    place(tick, "--x", position(at + offset, view));
    setText(tick, offset === 0 ? "" : seconds(offset));
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
