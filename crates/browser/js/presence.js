// Tells the core whether somebody is there: real input, a return to the page, the page standing still, the
// network coming back. A page that stands still hears no other tab and holds no lock.

/** Input is reported at most once in this time: `idle_for` counts whole seconds. */
const EVERY = 1000;
const INPUTS = ["pointerdown", "pointermove", "keydown", "wheel", "touchmove"];

/**
 * Starts watching. Where there is no page to watch, or the option `activity: "calls"` says so, calls of the app are what
 * counts: then `call(now)` is to be told of each, with the wall clock.
 */
export function watchPresence({ activity, clock }, core, tabs) {
  const page = typeof document === "object" && typeof window === "object";
  const stop = new AbortController();
  let reported = -Infinity;

  const input = (now) => {
    // Either way: a clock set back an hour must not silence an hour of input.
    if (Math.abs(now - reported) < EVERY) return;
    reported = now;
    core.input();
  };

  if (page) {
    const listen = (target, type, listener) =>
      target.addEventListener(type, listener, { passive: true, capture: true, signal: stop.signal });
    const returned = () => {
      if (document.visibilityState !== "hidden") core.returned();
    };
    const suspended = () => {
      core.suspended();
      tabs.close();
    };
    const resumed = () => {
      tabs.open();
      returned();
    };
    if (activity === "input") {
      // A script can dispatch events, but it is not the user.
      for (const type of INPUTS) listen(window, type, (event) => event.isTrusted && input(clock.now()));
    }
    listen(document, "visibilitychange", returned);
    listen(document, "freeze", suspended);
    listen(window, "pagehide", suspended);
    listen(document, "resume", resumed);
    // Always: the event comes before the page counts as visible.
    listen(window, "pageshow", () => {
      tabs.open();
      core.returned();
    });
    // Focus also moves within the page; only the window's own is a return.
    listen(window, "focus", (event) => event.target === window && returned());
    listen(window, "online", () => core.online());
  }

  return {
    call: page && activity === "input" ? undefined : input,
    /** Milliseconds since the last input. */
    idle: () => clock.now() - reported,
    stop: () => stop.abort(),
  };
}
