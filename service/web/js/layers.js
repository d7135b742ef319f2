/** The inside of the network, layer by layer, for one sound or two. */

import { at, count, make } from "./parts/dom.js";
import { complain, retryWithKey, tell } from "./parts/notices.js";
import { Side } from "./parts/side.js";
import { Tree } from "./parts/tree.js";
import { askJson, askModel } from "./service/ask.js";

const FIRST = "layer1.block1.relu";

let layer = null;
let drawn = ""; // the layer whose channels are offered
let asking = new AbortController();
const sides = ["Sound A", "Sound B"].map((title, i) => new Side(title, i, look, pick));

const shown = () => sides.slice(0, at("compare").checked ? 2 : 1);

/** Ask anew: another layer, sound or class. */
async function look() {
  if (!layer) return;
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  complain(null);
  tell("Looking …");
  at("inside").setAttribute("aria-busy", "true");
  try {
    for (const side of shown()) await side.look(layer, at("class").value, signal);
    if (signal.aborted) return;
    show();
    tell(`${layer.name} is shown.`);
  } catch (error) {
    if (signal.aborted) return;
    tell();
    complain(error);
  }
  at("inside").removeAttribute("aria-busy");
}

function show() {
  at("layer").textContent = layer.name;
  at("layer-facts").textContent =
    `${layer.kind}, ${layer.shape.join(" × ")}, ${layer.parameters ? count(layer.parameters) : "no"} parameters`;
  const { channels } = sides[0];
  const before = Number(at("channel").value || NaN);
  at("channel").replaceChildren(...channels.toSorted((a, b) => a - b).map((one) => make("option", {}, String(one))));
  at("channel").disabled = layer.shape.length === 1;
  pick(layer.name === drawn && channels.includes(before) ? before : channels[0]);
  drawn = layer.name;
}

function pick(channel) {
  at("channel").value = String(channel);
  shown().forEach((side) => side.found && side.show(channel, at("heat").checked));
}

async function open() {
  retryWithKey(open);
  try {
    const [layers, model] = [await askJson("v1/debug/layers"), await askModel()];
    retryWithKey(look);
    at("class").append(...model.labels.map((label) => make("option", { value: label }, label)));
    at("sides").append(sides[0].root);
    at("inside").hidden = false;
    const tree = new Tree(at("tree"), layers, (chosen) => {
      layer = chosen;
      look();
    });
    tree.select(layers.some(({ name }) => name === FIRST) ? FIRST : layers[0].name);
  } catch (error) {
    complain(error);
  }
}

at("class").addEventListener("change", look);
at("channel").addEventListener("change", () => pick(Number(at("channel").value)));
at("heat").addEventListener("change", () => pick(Number(at("channel").value)));
at("compare").addEventListener("change", () => {
  if (at("compare").checked) at("sides").append(sides[1].root);
  else sides[1].root.remove();
  look();
});
open();
