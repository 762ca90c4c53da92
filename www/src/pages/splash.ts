// Shown while the first token is on its way, and while the token service cannot be reached. An outage is not a
// sign-out: this page waits and tries again, it never sends anybody to the login page.
import { h, setText } from "../dom.ts";
import { heading, type Page } from "./page.ts";

export function splashPage(): Page {
  return {
    title: "One moment",
    element: h(
      "div",
      { class: "splash", "data-testid": "splash", "aria-busy": "true" },
      h("div", { class: "coin", "aria-hidden": "true" }),
      heading("One moment"),
      h("p", { class: "muted" }, "Looking for a session and minting a token."),
    ),
  };
}

/** For a mistake in the set-up, which no waiting would mend. */
export function brokenPage(message: string): Page {
  return {
    title: "Set up wrongly",
    element: h(
      "div",
      { class: "splash", "data-testid": "broken" },
      heading("This app cannot get a token"),
      h("p", { class: "error" }, message),
    ),
  };
}

/** Counts down `delaySeconds`, then calls `retry` once; the button does so at once. */
export function unreachablePage(delaySeconds: number, retry: () => void): Page {
  const countdown = h("p", { class: "muted" });
  const again = h("button", { type: "button", class: "primary" }, "Try now");
  const element = h(
    "div",
    { class: "splash", "data-testid": "unreachable" },
    heading("The sign-in service does not answer"),
    h("p", {}, "Your session is kept. This page goes on as soon as the service is back."),
    countdown,
    again,
  );
  let left = delaySeconds;
  const tell = () => setText(countdown, `Next try in ${left} s.`);
  const timer = setInterval(() => {
    if (!element.isConnected) return clearInterval(timer);
    left -= 1;
    if (left > 0) tell();
    else go();
  }, 1000);
  const go = () => {
    clearInterval(timer);
    retry();
  };
  again.addEventListener("click", go);
  tell();
  return { title: "Service not reachable", element };
}
