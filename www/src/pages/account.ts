// The account page: who is signed in, where else, the ways to end sessions, and a new password. It uses a token of its
// own, for the IAM service, which no other service would accept.
import type { Config } from "../config.ts";
import type { Session } from "../session.ts";
import { h, setText } from "../dom.ts";
import { callerOf, errorLine, heading, type Page } from "./page.ts";
import { passwordForm } from "./password.ts";

interface SessionRow {
  id: string;
  current: boolean;
  created_at: number;
  last_activity: number;
  user_agent: string;
}

export function accountPage(session: Session, config: Config, signOut: () => void): Page {
  const sessions = `${config.iam}/sessions`;
  const error = errorLine("account-error");
  const name = h("strong", { "data-testid": "user-name" }, "…");
  const list = h("ul", { class: "sessions", "data-testid": "sessions-list", "aria-label": "Your sessions" });
  const endOthers = h("button", { type: "button", "data-testid": "end-others" }, "End all others");
  endOthers.disabled = true;

  const call = callerOf(session, error);
  const load = async () => {
    const response = await call("session list", sessions);
    if (!response) return;
    const { sessions: all } = (await response.json()) as { sessions: SessionRow[] };
    list.replaceChildren(...all.map((one) => row(one, end)));
    endOthers.disabled = all.length < 2;
  };
  const end = async (one: SessionRow) => {
    if (one.current) return signOut();
    await call("end session", `${sessions}/${encodeURIComponent(one.id)}`, { method: "DELETE" });
    await load();
  };
  endOthers.addEventListener("click", async () => {
    endOthers.disabled = true;
    await call("end other sessions", sessions, { method: "DELETE" });
    await load();
  });
  const password = passwordForm(session, config, () => void load());
  const who = async () => {
    const response = await call("user info", `${config.iam}/userinfo`);
    if (!response) return;
    const info = (await response.json()) as { sub: string; preferred_username: string };
    setText(name, info.preferred_username);
    session.username = info.preferred_username;
    password.setUsername(info.preferred_username);
  };
  void Promise.all([who(), load()]);

  const element = h(
    "div",
    { class: "page" },
    heading("Account"),
    h("p", {}, "Signed in as ", name),
    error,
    h("div", { class: "row" }, h("h2", {}, "My sessions"), endOthers),
    list,
    h("h2", {}, "Password"),
    password.element,
  );
  return { title: "Account", element };
}

function row(one: SessionRow, end: (one: SessionRow) => Promise<void> | void): HTMLElement {
  const button = h("button", { type: "button", "data-testid": "end-session" }, one.current ? "Sign out" : "End");
  button.addEventListener("click", async () => {
    button.disabled = true;
    await end(one);
  });
  return h(
    "li",
    { class: "card session", "data-testid": "session-row", "data-current": String(one.current) },
    h(
      "div",
      {},
      h("p", {}, h("strong", {}, device(one.user_agent)), one.current ? h("span", { class: "chip", "data-state": "done" }, "this one") : null),
      h("p", { class: "muted" }, `since ${moment(one.created_at)}, last active ${moment(one.last_activity)}`),
    ),
    button,
  );
}

function moment(seconds: number): string {
  return new Date(seconds * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

/** The browser's name out of its user agent, good enough for a list. */
function device(agent: string): string {
  const browser = ["Firefox", "Edg", "Chrome", "Safari"].find((name) => agent.includes(`${name}/`));
  const system = ["Android", "iPhone", "iPad", "Windows", "Mac OS X", "Linux"].find((name) => agent.includes(name));
  const names = [browser === "Edg" ? "Edge" : browser, system === "Mac OS X" ? "macOS" : system].filter(Boolean);
  return names.length > 0 ? names.join(" on ") : "Session";
}
