// The panel "What is where": looked up live, every two seconds and after each change. The token's time left runs along
// with the chart's.
import type { Config } from "../config.ts";
import type { Session } from "../session.ts";
import type { Trace } from "../trace/trace.ts";
import { h, setAttribute, setText } from "../dom.ts";
import { scanStorage } from "../trace/storage-scan.ts";
import { secondsLeft } from "../trace/timeline.ts";
import { everyFrame } from "./frames.ts";

const EVERY_MS = 2000;

export function whereaboutsPanel(trace: Trace, session: Session, config: Config): HTMLElement {
  const cookie = h("dd");
  const token = h("dd");
  const places = new Map<string, HTMLElement>();
  const storage = h("dd", { class: "places", "data-testid": "storage" });

  const host = new URL(config.api).host;
  everyFrame((at) => {
    const bar = trace.timeline.current("api", at);
    setText(
      token,
      bar ? `memory of this page only: ${bar.name}, scope ${bar.scope}, ${secondsLeft(bar, at)} s left` : "none in hand",
    );
  });
  const show = async () => {
    setText(
      cookie,
      trace.steps.isDone(6) || trace.steps.isDone(7)
        ? `on ${host}, HttpOnly: document.cookie here reads "${document.cookie}"`
        : `none known; it would be on ${host}, out of reach of any script`,
    );
    for (const { place, clean, entries } of await scanStorage(session.token)) {
      let shown = places.get(place);
      if (!shown) {
        shown = h("span", { class: "chip" });
        places.set(place, shown);
        storage.append(shown, " ");
      }
      setAttribute(shown, "data-state", entries.length === 0 ? "done" : "failed");
      setText(shown, `${place}: ${entries.length === 0 ? clean : entries.join(", ")}`);
    }
  };
  trace.watch(() => void show());
  setInterval(() => void show(), EVERY_MS);
  void show();

  return h(
    "section",
    { class: "panel", "aria-labelledby": "where-title" },
    h("header", { class: "panel-head" }, h("h2", { id: "where-title" }, "What is where")),
    h(
      "dl",
      { class: "where" },
      h("dt", {}, "Session cookie"),
      cookie,
      h("dt", {}, "Token"),
      token,
      h("dt", {}, "Storage"),
      storage,
    ),
  );
}
