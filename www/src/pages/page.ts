// What a page is to the shell, and the parts that several pages share.
import { h } from "../dom.ts";

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

/** What to tell a person when a service answered `status`, or nothing at all (0). */
export function explainStatus(status: number): string {
  if (status === 403) return "This account is not allowed to do that.";
  if (status === 429) return "Too many requests just now. Please wait a moment.";
  if (status === 0 || status >= 500) return "The service does not answer at the moment. You are still signed in.";
  return `The service answered with status ${status}.`;
}
