// The eight steps as a slim band, with the explanation of the chosen one. It follows the flow until a step is chosen.
import { h, setAttribute, setText } from "../dom.ts";
import type { Step, StepState } from "../trace/steps.ts";
import type { Trace } from "../trace/trace.ts";

const STATE_TEXT: Record<StepState, string> = {
  todo: "not yet",
  active: "happening",
  done: "happened",
  skipped: "not needed",
};

export function stepper(trace: Trace): HTMLElement {
  let chosen: number | undefined;
  let latest = 0;
  const items = trace.steps.all.map((step) => item(step, () => {
    chosen = step.number;
    show();
  }));
  const title = h("strong");
  const seen = h("span", { class: "chip" });
  const text = h("span");
  const wire = h("code");

  const show = () => {
    if (trace.steps.latest !== latest) {
      latest = trace.steps.latest;
      chosen = undefined;
    }
    const number = chosen ?? latest;
    trace.steps.all.forEach((step, index) => items[index]?.update(step, step.number === number));
    const step = trace.steps.all[number - 1];
    if (!step) return;
    setText(title, `${step.number}. ${step.title}`);
    setText(seen, step.seen ?? STATE_TEXT[step.state]);
    setAttribute(seen, "data-state", step.state);
    setText(text, step.text);
    setText(wire, step.wire);
  };
  trace.watch(show);
  show();

  return h(
    "section",
    { class: "stepper", "aria-label": "The eight steps of the flow", "data-testid": "stepper" },
    h("ol", { class: "steps" }, ...items.map((entry) => entry.element)),
    h(
      "div",
      { class: "step-detail" },
      h("p", {}, title, " ", seen, " ", text),
      h("p", { class: "step-wire" }, h("span", { class: "muted" }, "On the wire "), wire),
    ),
  );
}

function item(step: Step, choose: () => void) {
  const state = h("span", { class: "visually-hidden" });
  const title = h("span", { class: "step-title" }, step.title);
  const button = h(
    "button",
    { type: "button", onclick: choose },
    h("span", { class: "step-number", "aria-hidden": "true" }, String(step.number)),
    title,
    state,
  );
  const element = h("li", { "data-step": step.number, "data-done": "false" }, button);
  const update = (now: Step, shown: boolean) => {
    setAttribute(element, "data-done", String(now.state === "done"));
    setAttribute(element, "data-state", now.state);
    setAttribute(button, "aria-pressed", String(shown));
    setText(title, now.title);
    setText(state, `: ${STATE_TEXT[now.state]}`);
  };
  return { element, update };
}
