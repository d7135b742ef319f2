/** Labels with their confidences as bars, and what is to be said about them. */

import { make, percent } from "../parts/dom.js";

/** The most probable first; rows that are there are used again, so that bars move instead of flickering. */
export function drawBars(list, predictions) {
  while (list.children.length < predictions.length) list.append(row());
  while (list.children.length > predictions.length) list.lastChild.remove();
  predictions.forEach(({ label, confidence }, i) => {
    const [fill, name, value] = list.children[i].children;
    fill.style.width = `${100 * confidence}%`;
    name.textContent = label;
    value.textContent = percent(confidence);
  });
}

/** Whether to believe it. */
export function drawVerdict(list, { uncertain, unlike, novelty, threshold }) {
  const said = [];
  if (uncertain) said.push(["Uncertain: the model is less sure than it should be to be believed.", "warn"]);
  if (unlike) {
    const far = threshold ? ` (novelty ${novelty.toFixed(2)}, its limit is ${threshold.toFixed(2)})` : "";
    said.push([`Unlike the training data: the model has heard nothing like it${far}.`, "warn"]);
  }
  if (!said.length && uncertain === false) said.push(["Sure enough to be believed.", ""]);
  if (unlike === false) said.push(["Like what the model has learned.", ""]);
  list.replaceChildren(...said.map(([text, className]) => make("li", { className }, text)));
}

function row() {
  return make("li", {}, make("i", { className: "fill", "aria-hidden": "true" }), make("span"),
    make("span", { className: "percent" }));
}
