/** What was heard as time goes by; each stretch can be played. */

import { make, percent, seconds } from "./dom.js";

export function drawTimeline(list, stretches, play) {
  list.replaceChildren(...stretches.map((stretch) => make("li", {}, buttonOf(stretch, play))));
}

function buttonOf({ start_s: start, end_s: end, predictions: [best], uncertain, novelty }, play) {
  const doubts = uncertain ? ", uncertain" : "";
  const button = make("button", { type: "button", className: uncertain ? "doubtful" : "" },
    make("small", {}, `${seconds(start)} – ${seconds(end)} s`),
    make("strong", {}, best.label),
    make("small", {}, percent(best.confidence) + doubts));
  if (novelty !== null) button.title = `Novelty ${novelty.toFixed(2)}`;
  button.addEventListener("click", () => play(start));
  return button;
}
