/** Whose the samples are. */

import { SAMPLES } from "../sound/samples.js";
import { make } from "./dom.js";

export function drawCredits(list) {
  list.replaceChildren(...SAMPLES.map((sample) => (sample.of
    ? make("li", {}, `${sample.name}: made of ${sample.of.join(", ")}`)
    : make("li", {}, `${sample.name}: from `, linkOf(sample), ` by ${sample.by} [${sample.terms}]`))));
}

function linkOf({ by, from, sound }) {
  const href = `https://www.freesound.org/people/${encodeURIComponent(by)}/sounds/${sound}/`;
  return make("a", { href }, from);
}
