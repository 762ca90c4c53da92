// The screens, one at a time. Whatever comes from the service or the address is set as text, never as markup.
import { h, icon, setText } from "../src/dom.ts";
import { themeButton } from "../src/theme.ts";
import type { Destination } from "./service.ts";

const COIN = "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M8.5 15.5C8.5 11 11 8.5 16 8.3 15.9 13 13.3 15.5 8.5 15.5M8.5 15.5l3.5-3.5";

/** Scopes that every service understands alike, in words. Others are shown by their name. */
const MEANINGS: Record<string, string> = {
  openid: "Know that it is you, by an identifier that is not your name",
  profile: "See your user name",
  offline_access: "Keep this access when you are signed out, until you or the operator take it back",
  "notes:read": "Read your notes",
  "notes:write": "Write and delete your notes",
};

const main = h("main", { id: "main", class: "alone", tabindex: -1 });

/** The frame around the screens. */
export function frame(): HTMLElement {
  return h(
    "div",
    { class: "shell" },
    h(
      "header",
      { class: "top" },
      h("span", { class: "brand" }, icon(COIN), h("span", {}, "sessionmint")),
      h("div", { class: "top-end" }, themeButton()),
    ),
    main,
  );
}

/** Shows a screen, says its name, and puts the focus where the user goes on. */
function show(title: string, testid: string, ...content: Parameters<typeof h>[2][]): void {
  document.title = `${title} · sessionmint demo`;
  const heading = h("h1", { tabindex: -1 }, title);
  const screen = h("div", { class: "login", "data-testid": testid }, heading, ...content);
  main.replaceChildren(screen);
  (screen.querySelector<HTMLElement>("[data-focus]") ?? heading).focus({ preventScroll: true });
}

/** Where the user goes back to. Any app can have any name, so this is what to look at. */
function place(to: Destination): (HTMLElement | string)[] {
  if (to.kind === "device") return ["an app on this computer"];
  const name = h("strong", { class: "place" }, to.name);
  return to.kind === "site" ? [name] : ["the app ", name, " on this device"];
}

function thenBackTo(to: Destination): HTMLElement {
  return h("p", { "data-testid": "return-to" }, "Then you go back to ", ...place(to), ".");
}

export function waiting(): void {
  show("One moment…", "waiting");
}

/** A last word: nothing is left to do here. */
export function final(title: string, text: string, testid: string): void {
  show(title, testid, h("p", { role: "status" }, text));
}

export function failed(text: string, again: () => void): void {
  show(
    "This did not work",
    "failed",
    h("p", { class: "error", role: "alert" }, text),
    h("p", {}, h("button", { type: "button", class: "primary", "data-testid": "again", onclick: again }, "Try again")),
  );
}

export interface Login {
  /** The app that asks. */
  client: string;
  returnTo: Destination | null;
  hint: string;
  /** Whoever is signed in but is to do it again, or wants to be somebody else. */
  again: string | undefined;
  /** Resolves when the user is signed in; what it throws is shown. */
  signIn(username: string, password: string): Promise<void>;
  deny(): void;
  explain(failure: unknown): string;
}

export function login({ client, returnTo, hint, again, signIn, deny, explain }: Login): void {
  const error = h("p", { class: "error", role: "alert", id: "login-error", "data-testid": "login-error" });
  const username = h("input", {
    id: "username",
    type: "text",
    autocomplete: "username",
    autocapitalize: "none",
    spellcheck: "false",
    required: true,
    maxlength: 256,
    value: hint,
    "aria-describedby": error.id,
    "data-focus": !hint,
    "data-testid": "username",
  });
  const password = h("input", {
    id: "password",
    type: "password",
    autocomplete: "current-password",
    required: true,
    maxlength: 1024,
    "aria-describedby": error.id,
    "data-focus": !!hint,
    "data-testid": "password",
  });
  const submit = h("button", { type: "submit", class: "primary", "data-testid": "login-submit" }, "Sign in");
  const send = async () => {
    if (!username.value || !password.value) {
      setText(error, "Please enter your name and your password.");
      (username.value ? password : username).focus();
      return;
    }
    setText(error, "");
    submit.disabled = true;
    try {
      await signIn(username.value, password.value);
    } catch (failure) {
      setText(error, explain(failure));
      submit.disabled = false;
      password.value = "";
      password.focus();
    }
  };
  show(
    "Sign in",
    "login",
    h(
      "p",
      { "data-testid": "asks" },
      "to go on to ",
      h("strong", { "data-testid": "client" }, client),
      returnTo && (returnTo.kind === "site" ? " at " : ", "),
      ...(returnTo ? place(returnTo) : []),
    ),
    again ? h("p", { class: "notice", role: "status" }, again) : null,
    h(
      "form",
      {
        class: "card form",
        novalidate: true,
        method: "post",
        "data-testid": "login-form",
        onsubmit: (event) => {
          event.preventDefault();
          void send();
        },
      },
      error,
      h("div", { class: "field" }, h("label", { for: "username" }, "Name"), username),
      h("div", { class: "field" }, h("label", { for: "password" }, "Password"), password),
      h("div", { class: "row" }, submit, h("button", { type: "button", "data-testid": "deny", onclick: deny }, "Cancel")),
    ),
  );
}

export interface Consent {
  client: string;
  returnTo: Destination;
  user: string;
  scopes: string[];
  resources: string[];
  approve(): void;
  deny(): void;
  /** Somebody else wants to sign in. */
  other(): void;
}

export function consent({ client, returnTo, user, scopes, resources, approve, deny, other }: Consent): void {
  const known = Object.keys(MEANINGS);
  const place = (scope: string) => (known.includes(scope) ? known.indexOf(scope) : known.length);
  const items = [...scopes].sort((a, b) => place(a) - place(b)).map((scope) => {
    const meaning = MEANINGS[scope];
    return h("li", {}, meaning ? h("span", {}, meaning) : h("code", {}, scope));
  });
  const buttons = [
    h("button", { type: "button", class: "primary", "data-testid": "approve" }, "Allow"),
    h("button", { type: "button", "data-testid": "deny" }, "Do not allow"),
  ] as const;
  // One answer: what follows the first click is another's.
  const once = (act: () => void) => () => {
    for (const button of buttons) button.disabled = true;
    act();
  };
  buttons[0].addEventListener("click", once(approve));
  buttons[1].addEventListener("click", once(deny));
  show(
    `Allow ${client}?`,
    "consent",
    h(
      "p",
      {},
      "You are signed in as ",
      h("strong", { "data-testid": "user" }, user),
      ". ",
      h("button", { type: "button", class: "link", "data-testid": "other", onclick: other }, "Somebody else?"),
    ),
    h(
      "section",
      { class: "card form", "aria-label": "What is asked for" },
      h("p", {}, h("strong", { "data-testid": "client" }, client), items.length ? " wants to:" : " wants to know that you agree."),
      items.length ? h("ul", { class: "asked", "data-testid": "scopes" }, ...items) : null,
      h("p", { class: "muted" }, `At ${resources.join(" and ")}`),
      thenBackTo(returnTo),
      h("div", { class: "row" }, ...buttons),
    ),
  );
}

export interface SignOut {
  /** The app that asks, if it says so. */
  client: string | undefined;
  returnTo: Destination | null;
  user: string;
  /** Whether the app means somebody else. */
  other: boolean;
  signOut(): void;
  stay(): void;
}

export function confirmSignOut({ client, returnTo, user, other, signOut, stay }: SignOut): void {
  const app = client ?? "An app";
  show(
    "Sign out?",
    "sign-out",
    h("p", {}, "You are signed in as ", h("strong", { "data-testid": "user" }, user), "."),
    other ? h("p", { class: "notice", role: "status", "data-testid": "other" }, `${app} means another account, not this one.`) : null,
    h(
      "section",
      { class: "card form", "aria-label": "What is asked for" },
      h("p", {}, h("strong", {}, app), " asks to sign you out, of this and of all apps that you are signed in to here."),
      returnTo && thenBackTo(returnTo),
      h(
        "div",
        { class: "row" },
        h("button", { type: "button", class: "primary", "data-testid": "confirm", onclick: signOut }, "Sign out"),
        h("button", { type: "button", "data-testid": "stay", onclick: stay }, "Stay signed in"),
      ),
    ),
  );
}
