/** Names with dots as a tree that the keyboard can walk through. */

import { make } from "./dom.js";

/** Nodes by what stands between the dots; each knows the layer of its name, if there is one. */
export function nested(layers) {
  const root = { inside: new Map() };
  for (const layer of layers) {
    let node = root;
    for (const part of layer.name.split(".")) {
      if (!node.inside.has(part)) node.inside.set(part, { part, inside: new Map(), layer: null });
      node = node.inside.get(part);
    }
    node.layer = layer;
  }
  return root;
}

export class Tree {
  /** `chosen` is told the layer that was picked. */
  constructor(list, layers, chosen) {
    this.list = list;
    this.chosen = chosen;
    this.items = new Map();
    list.replaceChildren(...this.#children(nested(layers)));
    list.addEventListener("click", (event) => this.#clicked(event));
    list.addEventListener("keydown", (event) => this.#key(event));
    this.#focusable(list.firstElementChild);
  }

  /** Pick a layer by its name, and open the way to it. */
  select(name) {
    const item = [...this.items.keys()].find((one) => this.items.get(one).name === name);
    if (!item) return;
    for (let above = item.parentElement.closest("li"); above; above = above.parentElement.closest("li")) open(above, true);
    this.#pick(item);
  }

  #children(node) {
    return [...node.inside.values()].map((one) => {
      const shape = one.layer ? one.layer.shape.join(" × ") : "";
      const leaf = make("div", { className: "leaf" }, make("span", {}, one.part), make("small", {}, shape));
      const item = make("li", { role: "treeitem", tabIndex: -1, "aria-selected": "false",
        "aria-label": [one.part, shape].filter(Boolean).join(", ") }, leaf);
      if (one.layer) this.items.set(item, one.layer);
      if (one.inside.size) {
        item.setAttribute("aria-expanded", "false");
        item.append(make("ul", { role: "group" }, ...this.#children(one)));
      }
      return item;
    });
  }

  #clicked(event) {
    const item = event.target.closest("li");
    if (!item) return;
    this.#focusable(item);
    const { left } = item.querySelector(".leaf").getBoundingClientRect();
    const isMark = event.clientX < left + 22;
    if (item.hasAttribute("aria-expanded") && (isMark || !this.items.has(item))) open(item, !isOpen(item));
    else this.#pick(item);
  }

  #key(event) {
    const item = event.target.closest("li");
    const seen = [...this.list.querySelectorAll("li")].filter((one) => one.offsetParent);
    const place = seen.indexOf(item);
    const moves = {
      ArrowDown: () => this.#focus(seen[place + 1]),
      ArrowUp: () => this.#focus(seen[place - 1]),
      Home: () => this.#focus(seen[0]),
      End: () => this.#focus(seen.at(-1)),
      ArrowRight: () => (item.hasAttribute("aria-expanded") && !isOpen(item) ? open(item, true)
        : this.#focus(item.querySelector("li"))),
      ArrowLeft: () => (isOpen(item) ? open(item, false) : this.#focus(item.parentElement.closest("li"))),
      Enter: () => this.#pick(item),
      " ": () => this.#pick(item),
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    moves[event.key]();
  }

  #pick(item) {
    if (!this.items.has(item)) {
      open(item, !isOpen(item));
      return;
    }
    if (item.hasAttribute("aria-expanded")) open(item, true);
    this.list.querySelectorAll("[aria-selected='true']").forEach((one) => one.setAttribute("aria-selected", "false"));
    item.setAttribute("aria-selected", "true");
    this.#focusable(item);
    this.chosen(this.items.get(item));
  }

  #focus(item) {
    if (!item) return;
    this.#focusable(item);
    item.focus();
  }

  /** Tab comes to one item only. */
  #focusable(item) {
    this.list.querySelectorAll("[tabindex='0']").forEach((one) => { one.tabIndex = -1; });
    if (item) item.tabIndex = 0;
  }
}

const isOpen = (item) => item.getAttribute("aria-expanded") === "true";

const open = (item, wanted) => {
  if (item.hasAttribute("aria-expanded")) item.setAttribute("aria-expanded", String(wanted));
};
