// The protected page: notes that a real service stores, called with the token.
import type { Config } from "../config.ts";
import type { Session } from "../session.ts";
import { h, icon } from "../dom.ts";
import { callerOf, errorLine, heading, type Page } from "./page.ts";

interface Note {
  id: string;
  text: string;
  created_at: number;
}

const BIN = "M5 7h14M10 7V5h4v2M7 7l1 12h8l1-12M10.5 11v5M13.5 11v5";
const MAX_LENGTH = 1000;

export function notesPage(session: Session, config: Config): Page {
  const notes = `${config.api}/notes`;
  const error = errorLine("notes-error");
  const list = h("ul", { class: "notes", "data-testid": "notes-list", "aria-label": "Your notes" });
  const empty = h("p", { class: "muted empty" }, "No notes yet. The first one is yours.");
  const input = h("input", {
    id: "note",
    type: "text",
    autocomplete: "off",
    maxlength: MAX_LENGTH,
    placeholder: "Write something down",
    "data-testid": "note-input",
  });
  const add = h("button", { type: "submit", class: "primary", "data-testid": "note-add" }, "Add");

  const call = callerOf(session, error);
  const load = async () => {
    const response = await call("notes list", notes);
    if (!response) return;
    const { notes: all } = (await response.json()) as { notes: Note[] };
    list.replaceChildren(...all.map((note) => row(note, remove)));
    empty.hidden = all.length > 0;
  };
  const remove = async (note: Note, element: HTMLElement) => {
    const response = await call("delete note", `${notes}/${encodeURIComponent(note.id)}`, { method: "DELETE" });
    if (!response) return;
    element.remove();
    empty.hidden = list.childElementCount > 0;
    input.focus();
  };
  const send = async () => {
    const text = input.value.trim();
    if (!text) return input.focus();
    add.disabled = true;
    const response = await call("add note", notes, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ text }),
    });
    add.disabled = false;
    if (!response) return;
    input.value = "";
    list.prepend(row((await response.json()) as Note, remove));
    empty.hidden = true;
    input.focus();
  };
  void load();

  const element = h(
    "div",
    { class: "page" },
    heading("Notes"),
    h(
      "form",
      {
        class: "add",
        onsubmit: (event) => {
          event.preventDefault();
          void send();
        },
      },
      h("label", { for: "note", class: "visually-hidden" }, "New note"),
      input,
      add,
    ),
    error,
    list,
    empty,
  );
  empty.hidden = true;
  return { title: "Notes", element };
}

function row(note: Note, remove: (note: Note, element: HTMLElement) => Promise<void>): HTMLElement {
  const when = new Date(note.created_at * 1000);
  const button = h(
    "button",
    { type: "button", class: "icon-button", "aria-label": `Delete "${note.text}"`, "data-testid": "note-delete" },
    icon(BIN),
  );
  const element = h(
    "li",
    { class: "card note" },
    h(
      "div",
      {},
      h("p", { class: "note-text" }, note.text),
      h("time", { class: "muted", datetime: when.toISOString() }, when.toLocaleString([], { dateStyle: "medium", timeStyle: "short" })),
    ),
    button,
  );
  button.addEventListener("click", async () => {
    button.disabled = true;
    await remove(note, element);
    button.disabled = false;
  });
  return element;
}
