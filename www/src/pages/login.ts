// The login page. The password goes into one request body and nowhere else: the form has no action and no names that
// a browser could put into an address.
import { TokenError } from "sessionmint";

import type { Session } from "../session.ts";
import { h, setText } from "../dom.ts";
import { errorLine, heading, type Page } from "./page.ts";

const NOTICE_ID = "login-notice";
const OUTAGE = "The sign-in service does not answer at the moment. Please try again.";

/** What led to the page: something the user did, or something that happened. */
export interface Notice {
  kind: "done" | "ended";
  text: string;
}

/** `notice` says why the page is shown; `done` is called once after a successful sign-in. */
export function loginPage(session: Session, notice: Notice | undefined, done: () => void): Page {
  const error = errorLine("login-error");
  error.id = "login-error";
  const username = h("input", {
    id: "username",
    type: "text",
    autocomplete: "username",
    autocapitalize: "none",
    spellcheck: "false",
    required: true,
    maxlength: 256,
    "data-focus": true,
    "aria-describedby": notice ? NOTICE_ID : undefined,
    "data-testid": "username",
  });
  const password = h("input", {
    id: "password",
    type: "password",
    autocomplete: "current-password",
    required: true,
    maxlength: 1024,
    "data-testid": "password",
  });
  const stay = h("input", { id: "stay", type: "checkbox", "data-testid": "stay-signed-in" });
  const submit = h("button", { type: "submit", class: "primary", "data-testid": "login-submit" }, "Sign in");

  const tell = (text: string) => {
    setText(error, text);
    for (const field of [username, password]) {
      if (text) field.setAttribute("aria-describedby", error.id);
      else field.removeAttribute("aria-describedby");
    }
  };
  const send = async () => {
    const name = username.value;
    if (!name || !password.value) {
      tell("Please enter your name and your password.");
      (name ? password : username).focus();
      return;
    }
    tell("");
    submit.disabled = true;
    setText(submit, "Signing in…");
    try {
      await session.login(name, password.value, stay.checked);
      password.value = "";
      done();
    } catch (failure) {
      tell(explain(failure));
      password.value = "";
      password.focus();
    } finally {
      submit.disabled = false;
      setText(submit, "Sign in");
    }
  };

  const form = h(
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
    h("label", { class: "check", for: "stay" }, stay, h("span", {}, "Stay signed in")),
    submit,
  );
  const element = h(
    "div",
    { class: "login" },
    heading("Sign in"),
    notice
      ? h("p", { class: "notice", role: "status", id: NOTICE_ID, "data-kind": notice.kind, "data-testid": "login-notice" }, notice.text)
      : null,
    form,
    h("p", { class: "muted" }, "The demo prints a name and a password where you started it."),
  );
  return { title: "Sign in", element };
}

function explain(failure: unknown): string {
  if (!(failure instanceof TokenError)) return OUTAGE;
  if (failure.code === "invalid_credentials") return "That name and password do not match.";
  if (failure.code === "throttled") {
    return `Too many tries. Please wait ${failure.retryAfter === undefined ? "a moment" : `${failure.retryAfter} seconds`}.`;
  }
  // The rest that is permanent is a matter of configuration, and the module says which.
  return failure.temporary ? OUTAGE : `Sign-in is not possible: ${failure.message}.`;
}
