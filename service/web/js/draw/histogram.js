/** Counts as columns: one per bucket, with its number above and its edge below. */

import { count, make } from "../parts/dom.js";

/** `named` makes words of an edge: short ones to be seen, and long ones to be read aloud. */
export function drawHistogram(list, buckets, named) {
  const most = Math.max(1, ...buckets.map(([, value]) => value));
  while (list.children.length < buckets.length) list.append(column());
  while (list.children.length > buckets.length) list.lastChild.remove();
  buckets.forEach(([edge, value], i) => {
    const item = list.children[i];
    const [number, fill, below] = item.children;
    number.textContent = value ? count(value) : "";
    fill.style.height = `${(70 * value) / most}%`;
    below.textContent = named(edge).short;
    item.title = `${named(edge).long}: ${count(value)}`;
  });
}

function column() {
  return make("li", {}, make("span", { className: "count" }), make("i", { className: "fill", "aria-hidden": "true" }),
    make("span", { className: "edge" }));
}
