// The shell around the pages: which page is shown, when a session is needed for it, and where the focus goes.
import type { Config } from "./config.ts";
import type { Session, Trouble } from "./session.ts";
import type { Trace } from "./trace/trace.ts";
import { h } from "./dom.ts";
import { accountPage } from "./pages/account.ts";
import { loginPage, type Notice } from "./pages/login.ts";
import { notesPage } from "./pages/notes.ts";
import { heading, type Page } from "./pages/page.ts";
import { brokenPage, splashPage, unreachablePage } from "./pages/splash.ts";
import { loginAddress, safeReturnTo } from "./return-to.ts";
import { shell, type Shell } from "./shell.ts";

const RETRY_SECONDS = 5;

interface Go {
  /** Replace the history entry, so that "back" does not return to a page that would only send one on. */
  replace?: boolean;
  /** Told on the login page. */
  notice?: Notice;
}

export class App {
  readonly #config: Config;
  readonly #session: Session;
  readonly #trace: Trace;
  readonly #shell: Shell;
  #signedIn = false;
  /** Counts the pages shown: an answer that arrives for an earlier one changes nothing. */
  #turn = 0;
  #covered = false;
  /** Path and query of the page shown, for a change of the fragment alone (the skip link) shows nothing anew. */
  #shown = "";

  constructor(config: Config, session: Session, trace: Trace) {
    this.#config = config;
    this.#session = session;
    this.#trace = trace;
    this.#shell = shell({ config, session, trace, signedIn: () => this.#signedIn, signOut: () => void this.signOut() });
    session.onSignedOut = (why) => {
      if (!this.#signedIn) return;
      this.#signedIn = false;
      const notice: Notice = {
        "signed out": { kind: "done" as const, text: "You are signed out." },
        "another tab": { kind: "ended" as const, text: "Your session has ended in another tab. Please sign in again." },
        "session ended": { kind: "ended" as const, text: "Your session has ended. Please sign in again." },
      }[why];
      const from = why === "signed out" ? "/" : here();
      this.#go(loginAddress(from, location.origin), { notice });
    };
  }

  start(): void {
    document.body.append(this.#shell.element);
    document.addEventListener("click", (event) => this.#follow(event));
    addEventListener("popstate", () => {
      if (location.pathname + location.search !== this.#shown) void this.#show();
    });
    addEventListener("pagehide", () => this.#cover());
    addEventListener("pageshow", (event) => {
      if (event.persisted) this.#returned();
    });
    void this.#show({}, true);
  }

  async signOut(): Promise<void> {
    try {
      await this.#session.logout();
    } catch {
      this.#trace.note("error", "the service did not confirm the sign-out; the cookie may still be there");
    }
  }

  #go(path: string, go: Go = {}): void {
    if (go.replace) history.replaceState(null, "", path);
    else history.pushState(null, "", path);
    void this.#show(go);
  }

  /** Shows the page of the address in hand. */
  async #show(go: Go = {}, first = false): Promise<void> {
    const turn = ++this.#turn;
    const { pathname, search } = location;
    this.#shown = pathname + search;
    if (pathname === "/login") return this.#showLogin(search, go, first);
    const build = this.#protected(pathname);
    if (!build) return this.#render(notFound(), !first);

    if (!this.#signedIn) {
      this.#render(splashPage(), false);
      const entry = await this.#session.enter();
      if (turn !== this.#turn) return;
      if (entry === "signed out") return this.#go(loginAddress(here(), location.origin), { replace: true });
      if (entry !== "signed in") return this.#render(this.#troubled(entry), true);
      this.#signedIn = true;
    }
    this.#render(build(), !first);
  }

  #showLogin(search: string, go: Go, first: boolean): void {
    const next = safeReturnTo(new URLSearchParams(search).get("next"), location.origin);
    if (this.#signedIn) return this.#go(next, { replace: true });
    this.#trace.change(({ steps }) => {
      if (first || go.notice) steps.restart();
      steps.set(4, "done", `returns to ${next}`);
    });
    const done = () => {
      this.#signedIn = true;
      this.#go(next, { replace: true });
    };
    this.#render(loginPage(this.#session, go.notice, done), true);
  }

  #troubled(trouble: Trouble): Page {
    if (!trouble.temporary) return brokenPage(trouble.message);
    return unreachablePage(RETRY_SECONDS, () => void this.#show());
  }

  #protected(path: string): (() => Page) | undefined {
    if (path === "/") return () => notesPage(this.#session, this.#config);
    if (path === "/account") return () => accountPage(this.#session, this.#config, () => void this.signOut());
    return undefined;
  }

  #render(page: Page, focus: boolean): void {
    document.title = `${page.title} · sessionmint demo`;
    this.#shell.show(page.element);
    this.#trace.change(() => {});
    if (!focus) return;
    const target = page.element.querySelector<HTMLElement>("[data-focus]") ?? page.element.querySelector("h1");
    target?.focus({ preventScroll: target.tagName === "H1" });
    scrollTo({ top: 0 });
  }

  #follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const link = event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a[data-page]") : null;
    if (!link) return;
    event.preventDefault();
    if (link.pathname !== location.pathname) this.#go(link.pathname);
  }

  /** A page in the back/forward cache must not come back readable after somebody signed out elsewhere. */
  #cover(): void {
    if (!this.#signedIn) return;
    this.#covered = true;
    this.#shell.cover(true);
  }

  /** Back from that cache: only a mint that succeeds brings the page back, as on a page load. */
  #returned(): void {
    if (!this.#covered) return;
    this.#covered = false;
    this.#signedIn = false;
    this.#session.drop();
    this.#shell.show(splashPage().element);
    this.#shell.cover(false);
    void this.#show();
  }
}

function here(): string {
  return location.pathname + location.search + location.hash;
}

function notFound(): Page {
  const element = h(
    "div",
    { class: "splash", "data-testid": "not-found" },
    heading("There is no such page"),
    h("p", {}, h("a", { href: "/", "data-page": true }, "Go to the notes")),
  );
  return { title: "Not found", element };
}
