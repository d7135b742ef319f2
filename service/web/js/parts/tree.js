/** Names with dots as a tree that the keyboard can walk through. */

import { make } from "./dom.js";

const ITEM = "[role='treeitem']";
const MARK_WIDTH = 22;

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
    this.layers = new Map(); // of the items that are layers
    list.replaceChildren(...this.#children(nested(layers), list.id));
    list.addEventListener("click", (event) => this.#clicked(event));
    list.addEventListener("keydown", (event) => this.#key(event));
    this.#focusable(list.querySelector(ITEM));
  }

  /** Pick a layer by its name, and open the way to it. */
  select(name) {
    const item = [...this.layers.keys()].find((one) => this.layers.get(one).name === name);
    if (!item) return;
    for (let one = above(item); one; one = above(one)) open(one, true);
    this.#pick(item);
  }

  #children(node, id) {
    return [...node.inside.values()].map((one) => {
      const shape = one.layer ? one.layer.shape.join(" × ") : "";
      const item = make("div", { role: "treeitem", tabIndex: -1, className: "leaf", "aria-selected": "false" },
        make("span", {}, one.part), " ", make("small", {}, shape));
      if (one.layer) this.layers.set(item, one.layer);
      if (!one.inside.size) return make("li", { role: "none" }, item);
      const group = make("ul", { role: "group", id: `${id}.${one.part}` });
      group.append(...this.#children(one, group.id));
      item.setAttribute("aria-expanded", "false");
      item.setAttribute("aria-owns", group.id);
      return make("li", { role: "none" }, item, group);
    });
  }

  #clicked(event) {
    const item = event.target.closest(ITEM);
    if (!item) return;
    this.#focusable(item);
    const isMark = event.clientX < item.getBoundingClientRect().left + MARK_WIDTH;
    if (isMark && item.hasAttribute("aria-expanded")) open(item, !isOpen(item));
    else this.#pick(item);
  }

  #key(event) {
    const item = event.target.closest(ITEM);
    const seen = [...this.list.querySelectorAll(ITEM)].filter((one) => one.offsetParent);
    const place = seen.indexOf(item);
    const moves = {
      ArrowDown: () => this.#focus(seen[place + 1]),
      ArrowUp: () => this.#focus(seen[place - 1]),
      Home: () => this.#focus(seen[0]),
      End: () => this.#focus(seen.at(-1)),
      ArrowRight: () => (isOpen(item) ? this.#focus(seen[place + 1]) : open(item, true)),
      ArrowLeft: () => (isOpen(item) ? open(item, false) : this.#focus(above(item))),
      Enter: () => this.#pick(item),
      " ": () => this.#pick(item),
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    moves[event.key]();
  }

  #pick(item) {
    if (!this.layers.has(item)) {
      open(item, !isOpen(item));
      return;
    }
    open(item, true);
    this.list.querySelectorAll("[aria-selected='true']").forEach((one) => one.setAttribute("aria-selected", "false"));
    item.setAttribute("aria-selected", "true");
    this.#focusable(item);
    item.scrollIntoView({ block: "nearest" });
    this.chosen(this.layers.get(item));
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

/** The item in which another lies; null at the top. */
const above = (item) => item.closest("[role='group']")?.previousElementSibling ?? null;

const isOpen = (item) => item.getAttribute("aria-expanded") === "true";

const open = (item, wanted) => {
  if (item.hasAttribute("aria-expanded")) item.setAttribute("aria-expanded", String(wanted));
};
