/** Elements without HTML: text is always text. */

/** The element of this id. */
export const at = (id) => document.getElementById(id);

/** An element with its properties, attributes (`aria-…`, `role`) and listeners (`onclick`), and what is inside. */
export function make(tag, properties = {}, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "role" || name.startsWith("aria-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...inside);
  return element;
}

/** The pairs of a list of facts; those without a value are left out. */
export function facts(list, pairs) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  list.replaceChildren(...known.map(([name, value]) => (
    make("div", { className: "fact" }, make("dt", {}, name), make("dd", {}, String(value))))));
}

/** 0.9956 as people read it. */
export const percent = (share) => `${(100 * share).toFixed(1)} %`;

/** Seconds with as many digits as matter. */
export const seconds = (value) => (value < 60 ? value.toFixed(1) : Math.round(value).toString());

/** Milliseconds likewise. */
export function milliseconds(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return `${value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString("en")} ms`;
}

/** A whole number with its thousands apart. */
export const count = (value) => Math.round(value).toLocaleString("en");
