/** One of the sounds that are looked at: where it comes from, and what was found in it. */

import { whenSeen } from "../draw/canvas.js";
import { drawFeatures, drawHeat, drawMap } from "../draw/maps.js";
import { askJson, ofBytes } from "../service/ask.js";
import { SAMPLES, bytesOf } from "../sound/samples.js";
import { at, facts, make, percent } from "./dom.js";

const SIDE = 32;
const MOST_NUMBERS = 400_000; // the service sends half a million at most
const MOST_THUMBS = 24;

export class Side {
  /** `changed` is called when there is another sound, `picked` with a channel. */
  constructor(title, first, changed, picked) {
    this.root = at("side").content.cloneNode(true).querySelector("section");
    this.picked = picked;
    this.bytes = null;
    this.found = null;
    const find = (name) => this.root.querySelector(name);
    [this.said, this.heat, this.map, this.thumbs, this.facts] =
      [".said", ".heat", ".map", ".thumbs", ".facts"].map(find);
    find("h3").textContent = title;
    this.sample = find(".sample");
    this.file = find("input[type='file']");
    this.sample.append(...SAMPLES.map(({ name }) => make("option", {}, name)), make("option", { hidden: true }, "own file"));
    this.sample.selectedIndex = first;
    this.window = find(".window");
    this.window.addEventListener("change", changed);
    this.sample.addEventListener("change", () => {
      this.bytes = null;
      this.file.value = "";
      this.window.value = 0;
      changed();
    });
    this.file.addEventListener("change", async () => {
      const [file] = this.file.files;
      if (!file) return;
      this.bytes = await file.arrayBuffer();
      this.window.value = 0;
      this.sample.selectedIndex = SAMPLES.length;
      changed();
    });
    for (const canvas of [this.heat, this.map]) whenSeen(canvas, () => this.draw());
  }

  /** Ask what a layer makes of the sound. */
  async look(layer, label, signal) {
    this.bytes ??= await bytesOf(SAMPLES[this.sample.selectedIndex]);
    const [channels, rows = 1, columns = 1] = layer.shape;
    const each = Math.min(rows, SIDE) * Math.min(columns, SIDE);
    const words = new URLSearchParams({
      layers: layer.name,
      max_side: SIDE,
      max_channels: Math.max(1, Math.min(channels, Math.floor(MOST_NUMBERS / each))),
      top_k: 3,
      window: this.window.value,
      ...(label && { heat: label }),
    });
    this.found = await askJson(`v1/debug/activations?${words}`, ofBytes(this.bytes, signal));
  }

  /** The channels, the liveliest first. */
  get channels() {
    return this.found?.layers[0].channels ?? [];
  }

  /** Show a channel, with or without heat. */
  show(channel, withHeat) {
    this.channel = channel;
    this.withHeat = withHeat;
    this.#say();
    this.#thumbs();
    this.draw();
  }

  /** The two pictures. */
  draw() {
    if (!this.found || !this.heat.clientWidth) return;
    const { layers: [layer], heat: [hottest], spectrogram, window } = this.found;
    drawHeat(this.heat, spectrogram, this.withHeat ? hottest : null);
    const moment = hottest.moment_s === null ? "nothing here speaks for it" : `most of it at ${hottest.moment_s} s`;
    caption(this.heat, `${window.start_s} – ${window.end_s} s. `
      + (this.withHeat ? `In colour: what speaks for ${hottest.label}, ${moment}.` : "Spectrogram in dB."));
    const values = layer.maps[layer.channels.indexOf(this.channel)];
    if (!layer.map_shape.length) {
      drawFeatures(this.map, layer.maps);
      caption(this.map, `${layer.maps.length} features.`);
    } else if (values) {
      drawMap(this.map, values);
      caption(this.map, `Channel ${this.channel}: frequency upwards, time to the right.`);
    }
  }

  #say() {
    const { predictions, parity, layers: [layer] } = this.found;
    const [best] = predictions;
    this.said.textContent = `${best.label} ${percent(best.confidence)}; the engine says `
      + `${parity.same_label ? "the same" : "something else"}, its scores differ by up to ${parity.max_logit_delta}.`;
    const { mean, std, min, max, sparsity, dead_channels: dead } = layer.statistics;
    facts(this.facts, [
      ["mean ± std", `${mean} ± ${std}`],
      ["least, greatest", `${min}, ${max}`],
      ["exactly zero", percent(sparsity)],
      ["dead channels", `${dead} of ${layer.shape[0]}`],
    ]);
  }

  #thumbs() {
    const { layers: [layer] } = this.found;
    const isFlat = !layer.map_shape.length;
    this.thumbs.hidden = isFlat;
    if (isFlat) return;
    const shown = layer.channels.slice(0, MOST_THUMBS);
    if (this.drawn !== this.found) {
      this.thumbs.replaceChildren(...shown.map((channel) => this.#thumb(channel)));
      shown.forEach((_, i) => drawMap(this.thumbs.children[i].querySelector("canvas"), layer.maps[i]));
      this.drawn = this.found;
    }
    shown.forEach((channel, i) => (
      this.thumbs.children[i].setAttribute("aria-pressed", String(channel === this.channel))));
  }

  #thumb(channel) {
    const button = make("button", { type: "button", "aria-label": `Channel ${channel}` },
      make("canvas", { "aria-hidden": "true" }), String(channel));
    button.addEventListener("click", () => this.picked(channel));
    return button;
  }
}

function caption(canvas, text) {
  canvas.parentElement.querySelector("figcaption").textContent = text;
}
