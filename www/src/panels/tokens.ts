// The panel "Tokens": the chart, the buttons that make something happen, the counters and the log.
import { codeOf, type Session } from "../session.ts";
import type { LogEntry, Trace } from "../trace/trace.ts";
import type { Config } from "../config.ts";
import { h, setText } from "../dom.ts";
import { timelineChart } from "./timeline.ts";

const BURST = 20;
/** A burst that takes longer than this waits for a token, and says so. */
const PATIENCE_MS = 400;

export function tokensPanel(trace: Trace, session: Session, config: Config, signedIn: () => boolean): HTMLElement {
  const notes = `${config.api}/notes`;
  const mints = h("strong", { "data-testid": "mint-count" }, "0");
  const sent = h("span");
  const result = h("p", { class: "muted", role: "status", "data-testid": "burst-result" });
  const entries = h("ol", { class: "log", tabindex: 0, "aria-label": "Log, newest first" });

  const callOnce = h("button", { type: "button", "data-testid": "call-once" }, "Call once");
  const burst = h(
    "button",
    { type: "button", "data-testid": "burst", title: "Starts over without a token, then calls 20 times at once: one mint" },
    `Burst of ${BURST} parallel calls`,
  );
  const short = h("input", {
    type: "checkbox",
    role: "switch",
    id: "short",
    "aria-describedby": "short-hint",
    "data-testid": "short-switch",
  });

  callOnce.addEventListener("click", () => busy(callOnce, () => session.call("call once", notes)));
  burst.addEventListener("click", () =>
    busy(burst, async () => {
      setText(result, "");
      session.startOver();
      const before = trace.mints;
      const calls = Array.from({ length: BURST }, () => session.call(`burst of ${BURST}`, notes));
      const patience = setTimeout(() => {
        const waits = session.token === undefined ? "for the token service" : "for the notes service";
        setText(result, `${BURST} calls wait ${waits} …`);
      }, PATIENCE_MS);
      const answers = await Promise.allSettled(calls);
      clearTimeout(patience);
      setText(result, tell(answers, trace.mints - before));
    }),
  );
  short.addEventListener("change", () =>
    busy(short, async () => {
      const wanted = short.checked;
      try {
        await session.useShortTokens(wanted);
      } catch (error) {
        short.checked = !wanted;
        trace.note("error", "the switch for short tokens did not answer");
        throw error;
      }
      trace.note("info", wanted ? "the service now hands out 15 s tokens" : "the service now hands out 300 s tokens");
      if (!signedIn()) return;
      session.startOver();
      await session.touch(wanted ? "short tokens on" : "short tokens off");
    }),
  );
  const look = () =>
    session.shortTokens().then(
      (isShort) => (short.checked = isShort),
      () => trace.note("warn", "the switch for short tokens did not answer"),
    );
  // Another page may have turned it in the meantime.
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && !short.disabled) void look();
  });
  void look();

  let noted = 0;
  const show = () => {
    callOnce.disabled = burst.disabled = !signedIn();
    setText(mints, String(trace.mints));
    const { token, login, notes: calls, account } = trace.requests;
    setText(sent, `token ${token} · login ${login} · notes ${calls} · account ${account}`);
    if (noted !== trace.notes) {
      noted = trace.notes;
      entries.replaceChildren(...trace.log.map(line).reverse());
    }
  };
  trace.watch(show);
  show();

  return h(
    "section",
    { class: "panel tokens", "aria-labelledby": "tokens-title" },
    h(
      "header",
      { class: "panel-head" },
      h("h2", { id: "tokens-title" }, "Tokens"),
      h("p", { class: "chip" }, mints, " minted"),
      h("p", { class: "muted", title: "Counted by the browser's own resource timing" }, "requests sent: ", sent),
    ),
    timelineChart(trace),
    h(
      "div",
      { class: "toolbar" },
      callOnce,
      burst,
      h("label", { class: "switch", for: "short" }, short, h("span", {}, "15-second tokens")),
    ),
    h("p", { class: "muted hint", id: "short-hint" }, "The switch applies to the whole demo: every page and user gets such tokens."),
    result,
    entries,
  );
}

/** How a burst ended, in a sentence. */
function tell(answers: PromiseSettledResult<Response>[], mints: number): string {
  const good = answers.filter((answer) => answer.status === "fulfilled" && answer.value.ok).length;
  const how = mints === 0 ? (good > 0 ? "the token in hand" : "no mint") : `${mints} ${mints === 1 ? "mint" : "mints"}`;
  const reasons = new Set(answers.map(reason).filter(Boolean));
  return `${good} of ${BURST} calls answered, with ${how}${reasons.size > 0 ? `: ${[...reasons].join(", ")}` : ""}.`;
}

/** Why a call brought nothing; empty when it did. */
function reason(answer: PromiseSettledResult<Response>): string {
  if (answer.status === "fulfilled") return answer.value.ok ? "" : `status ${answer.value.status}`;
  const code = codeOf(answer.reason);
  if (code === "signed_out") return "the session has ended";
  if (code === undefined) return "the service does not answer";
  return code === "timeout" || code === "network" || code === "unavailable" ? "the token service does not answer" : code;
}

/** Runs an action with its control disabled. Failures are told by the session's log, so they end here. */
async function busy(control: HTMLButtonElement | HTMLInputElement, action: () => Promise<unknown>): Promise<void> {
  control.disabled = true;
  try {
    await action();
  } catch {
    // Already in the log, with its code.
  } finally {
    control.disabled = false;
    // A control that is disabled while it has the focus loses it to the body.
    if (document.activeElement === document.body) control.focus({ preventScroll: true });
  }
}

function line(entry: LogEntry): HTMLElement {
  const time = new Date(entry.time).toLocaleTimeString([], { hour12: false });
  return h("li", { "data-kind": entry.kind }, h("time", {}, time), h("span", {}, entry.count > 1 ? `${entry.text} (×${entry.count})` : entry.text));
}
