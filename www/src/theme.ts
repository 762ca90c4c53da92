// Light, dark, or as the system says. The choice is kept in memory only: this demo shows its storage to be empty.
import { h, icon, setAttribute } from "./dom.ts";

const SUN = "M12 7a5 5 0 1 0 0 10 5 5 0 0 0 0-10M12 2v2M12 20v2M2 12h2M20 12h2M4.9 4.9l1.4 1.4M17.7 17.7l1.4 1.4M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4";
const MOON = "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5";

/** The button that changes between light and dark. */
export function themeButton(): HTMLButtonElement {
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen: "light" | "dark" | undefined;
  const button = h("button", { type: "button", class: "icon-button", "data-testid": "theme" });

  const show = () => {
    const dark = chosen ? chosen === "dark" : system.matches;
    if (chosen) document.documentElement.dataset.theme = chosen;
    setAttribute(button, "aria-label", dark ? "Use the light theme" : "Use the dark theme");
    button.replaceChildren(icon(dark ? SUN : MOON));
  };
  button.addEventListener("click", () => {
    const dark = chosen ? chosen === "dark" : system.matches;
    chosen = dark ? "light" : "dark";
    show();
  });
  system.addEventListener("change", show);
  show();
  return button;
}
