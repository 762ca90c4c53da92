// Builds elements without markup strings: nothing that comes from a server is ever parsed as HTML, and no inline
// style or handler attribute appears, which the page's CSP would refuse.

type Child = Node | string | false | null | undefined;
type Listener = (event: Event) => void;
type Props = Record<string, string | number | boolean | Listener | undefined>;

/** An element with attributes (`true` sets an empty one, `false` and `undefined` none) and listeners (`onclick`, …). */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  apply(element, props);
  element.append(...children.filter((child) => child !== false && child !== null && child !== undefined));
  return element;
}

/** An icon of 24 × 24 from one path, hidden from assistive technology: its button carries the name. */
export function icon(path: string): SVGSVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  apply(svg, { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true", focusable: "false" });
  const shape = document.createElementNS(space, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

/** Sets a text only when it differs, so that live regions and selections stay quiet. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets an attribute only when it differs. */
export function setAttribute(element: Element, name: string, value: string): void {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

function apply(element: Element, props: Props): void {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}
