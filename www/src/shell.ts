// The frame that stays while pages change: header, banner, steps, the page itself and the panels beside it.
import type { Config } from "./config.ts";
import type { Session } from "./session.ts";
import type { Trace } from "./trace/trace.ts";
import { h, icon, setAttribute, setText } from "./dom.ts";
import { stepper } from "./panels/stepper.ts";
import { tokensPanel } from "./panels/tokens.ts";
import { whereaboutsPanel } from "./panels/whereabouts.ts";
import { themeButton } from "./theme.ts";

export interface Shell {
  element: HTMLElement;
  /** Replaces the page. */
  show(page: HTMLElement): void;
  /** Hides the page and takes it out of reach, or shows it again. */
  cover(covered: boolean): void;
}

export interface ShellParts {
  config: Config;
  session: Session;
  trace: Trace;
  signedIn: () => boolean;
  signOut: () => void;
}

const COIN = "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M8.5 15.5C8.5 11 11 8.5 16 8.3 15.9 13 13.3 15.5 8.5 15.5M8.5 15.5l3.5-3.5";

export function shell({ config, session, trace, signedIn, signOut }: ShellParts): Shell {
  const links = [link("/", "Notes"), link("/account", "Account")];
  links[1]?.setAttribute("data-testid", "account-link");
  const who = h("span", { class: "muted who" });
  const out = h("button", { type: "button", "data-testid": "sign-out", onclick: signOut }, "Sign out");
  const banner = h("div", { class: "banner-region", role: "status" });
  const main = h("main", { id: "main", tabindex: -1 });

  const bannerText = h(
    "p",
    { class: "banner", "data-testid": "degraded-banner" },
    "The sign-in service does not answer at the moment. You stay signed in; new tokens follow when it is back.",
  );
  const update = () => {
    out.hidden = !signedIn();
    for (const one of links) {
      one.hidden = !signedIn();
      if (one.pathname === location.pathname) one.setAttribute("aria-current", "page");
      else one.removeAttribute("aria-current");
    }
    setText(who, signedIn() ? (session.username ?? "signed in") : "");
    setAttribute(element, "data-signed-in", String(signedIn()));
    if (trace.degraded !== bannerText.isConnected) banner.replaceChildren(...(trace.degraded ? [bannerText] : []));
  };

  const element = h(
    "div",
    { class: "shell" },
    h("a", { class: "skip", href: "#main" }, "Skip to the page"),
    h(
      "header",
      { class: "top" },
      h("a", { class: "brand", href: "/", "data-page": true }, icon(COIN), h("span", {}, "sessionmint")),
      h("nav", { "aria-label": "Pages" }, ...links),
      h("div", { class: "top-end" }, who, themeButton(), out),
    ),
    banner,
    stepper(trace),
    h(
      "div",
      { class: "columns" },
      main,
      h(
        "aside",
        { "aria-label": "What happens behind the page" },
        tokensPanel(trace, session, config, signedIn),
        whereaboutsPanel(trace, session, config),
      ),
    ),
  );

  trace.watch(update);

  return {
    element,
    show: (page) => {
      main.replaceChildren(page);
      update();
    },
    cover: (covered) => {
      main.inert = covered;
      main.classList.toggle("covered", covered);
    },
  };
}

function link(path: string, text: string): HTMLAnchorElement {
  return h("a", { href: path, "data-page": true }, text);
}
