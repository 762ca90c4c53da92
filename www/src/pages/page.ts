// What a page is to the shell, and the parts that several pages share.
import { codeOf, type Session } from "../session.ts";
import { h, setText } from "../dom.ts";

export interface Page {
  /** For the window title and for what a screen reader hears after a change of page. */
  title: string;
  element: HTMLElement;
}

/** The heading that receives the focus when the page is shown. */
export function heading(text: string): HTMLElement {
  return h("h1", { tabindex: -1 }, text);
}

/** A text that is announced when it is filled, and takes no room while it is empty. */
export function errorLine(testid: string): HTMLParagraphElement {
  return h("p", { class: "error", role: "alert", "data-testid": testid });
}

export type Call = (label: string, url: string, init?: RequestInit) => Promise<Response | undefined>;

/** Calls an API and tells on `error` what went wrong; the answer is `undefined` then. */
export function callerOf(session: Session, error: HTMLElement): Call {
  return async (label, url, init) => {
    try {
      const response = await session.call(label, url, init);
      setText(error, response.ok ? "" : explainStatus(response.status));
      return response.ok ? response : undefined;
    } catch (failure) {
      // The end of the session is told by the login page, which comes next.
      setText(error, codeOf(failure) === "signed_out" ? "" : explainStatus(0));
      return undefined;
    }
  };
}

/** What to tell a person when a service answered `status`, or nothing at all (0). */
export function explainStatus(status: number): string {
  if (status === 403) return "This account is not allowed to do that.";
  if (status === 429) return "Too many requests just now. Please wait a moment.";
  if (status === 0 || status >= 500) return "The service does not answer at the moment. You are still signed in.";
  return `The service answered with status ${status}.`;
}
