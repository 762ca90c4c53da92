// The form on the account page that changes the password. The service asks for the current one, and ends every other
// session with the change.
import type { Config } from "../config.ts";
import { codeOf, type Session } from "../session.ts";
import { h, setText } from "../dom.ts";
import { errorLine, explainStatus } from "./page.ts";

/** What the service says when it refuses (RFC 9457). */
interface Problem {
  code?: string;
  detail?: string;
}

/** `changed` is called after each success; `setUsername` tells a password manager whose password it is. */
export function passwordForm(session: Session, config: Config, changed: () => void) {
  const error = errorLine("password-error");
  error.id = "password-error";
  const success = h("p", { class: "notice", role: "status", "data-testid": "password-changed" });
  const username = h("input", { type: "text", autocomplete: "username", hidden: true, readonly: true });
  const current = passwordField("current-password");
  const next = passwordField("new-password");
  const submit = h("button", { type: "submit", class: "primary", "data-testid": "password-submit" }, "Change password");

  const tell = (text: string, field?: HTMLInputElement) => {
    setText(error, text);
    for (const one of [current, next]) {
      if (one === field) one.setAttribute("aria-invalid", "true");
      else one.removeAttribute("aria-invalid");
      const notes = [one === next && "new-password-hint", one === field && error.id].filter(Boolean).join(" ");
      if (notes) one.setAttribute("aria-describedby", notes);
      else one.removeAttribute("aria-describedby");
    }
    field?.focus();
  };
  const send = async () => {
    setText(success, "");
    if (!current.value || !next.value) {
      tell("Please enter your current password and a new one.", current.value ? next : current);
      return;
    }
    tell("");
    submit.disabled = true;
    setText(submit, "Changing…");
    try {
      const response = await session.call("change password", `${config.iam}/password`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ current_password: current.value, new_password: next.value }),
      });
      if (response.ok) {
        current.value = next.value = "";
        setText(success, "Your password is changed. Everywhere else you are signed out now.");
        changed();
      } else {
        await refused(response);
      }
    } catch (failure) {
      // The end of the session is told by the login page, which comes next.
      tell(codeOf(failure) === "signed_out" ? "" : explainStatus(0));
    } finally {
      submit.disabled = false;
      setText(submit, "Change password");
    }
  };
  const refused = async (response: Response) => {
    const problem = (await response.json().catch(() => ({}))) as Problem;
    if (problem.code === "wrong_password") {
      current.value = "";
      tell("The current password is wrong.", current);
    } else if (problem.code === "weak_password") {
      next.value = "";
      tell(`Please choose another new password: ${problem.detail}.`, next);
    } else if (response.status === 429) {
      tell(`Too many tries. Please wait ${response.headers.get("retry-after") ?? "a few"} seconds.`);
    } else {
      tell(explainStatus(response.status));
    }
  };

  const element = h(
    "form",
    {
      class: "card form",
      novalidate: true,
      method: "post",
      "aria-label": "Change the password",
      "data-testid": "password-form",
      onsubmit: (event) => {
        event.preventDefault();
        void send();
      },
    },
    error,
    success,
    username,
    h("div", { class: "field" }, h("label", { for: current.id }, "Current password"), current),
    h(
      "div",
      { class: "field" },
      h("label", { for: next.id }, "New password"),
      next,
      h("p", { id: "new-password-hint", class: "muted" }, "At least 8 characters; a few words that do not belong together are good."),
    ),
    submit,
  );
  tell("");
  return { element, setUsername: (name: string) => void (username.value = name) };
}

function passwordField(kind: "current-password" | "new-password"): HTMLInputElement {
  return h("input", {
    id: kind,
    type: "password",
    autocomplete: kind,
    required: true,
    maxlength: 1024,
    "data-testid": kind,
  });
}
