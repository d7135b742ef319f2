/** A sound, from wherever it comes, and its name. */

import { drawBars, drawVerdict } from "./draw/bars.js";
import { drawCredits } from "./parts/credits.js";
import { copyFrom, curl } from "./parts/curl.js";
import { at, facts, make, milliseconds, percent, seconds } from "./parts/dom.js";
import { complain, retryWithKey, tell } from "./parts/notices.js";
import { Player } from "./parts/player.js";
import { recorder } from "./parts/recorder.js";
import { drawTimeline } from "./parts/timeline.js";
import { askJson, askModel, ofBytes } from "./service/ask.js";
import { decoded } from "./sound/decode.js";
import { SAMPLES, bytesOf, pathOf } from "./sound/samples.js";

const QUERY = "top_k=5";

const player = new Player(at("player"));
let asking = new AbortController();

/** Name a sound; the newest one counts. `download` is where it can be had again. */
async function listen(blob, name, download = "") {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  retryWithKey(() => listen(blob, name, download));
  complain(null);
  tell(`Listening to ${name} …`);
  try {
    const start = performance.now();
    const answer = await askJson(`v1/classify?${QUERY}`, ofBytes(blob, signal));
    const passed = performance.now() - start;
    const sound = await decoded(await blob.arrayBuffer());
    if (signal.aborted) return;
    show(answer, passed, name);
    at("curl").textContent = curl(name, QUERY, download);
    player.load(blob, sound);
  } catch (error) {
    if (signal.aborted) return;
    at("result").hidden = true;
    tell();
    complain(error);
  }
}

function show(answer, passed, name) {
  const { predictions, novelty, audio, timings, timeline } = answer;
  const [best] = predictions;
  at("result").hidden = false;
  at("answer").textContent = best.label;
  at("source").textContent = `${name}: ${audio.format} ${audio.codec}, ${audio.sample_rate.toLocaleString("en")} Hz, `
    + `${audio.channels === 1 ? "mono" : `${audio.channels} channels`}, ${seconds(audio.duration_s)} s`
    + (audio.windows > 1 ? `. The mean of ${audio.windows} windows:` : "");
  drawBars(at("predictions"), predictions);
  drawVerdict(at("verdict"), {
    uncertain: answer.uncertain,
    unlike: novelty?.unlike_training ?? null,
    novelty: novelty?.score,
    threshold: novelty?.threshold,
  });
  at("long").hidden = !timeline.length;
  drawTimeline(at("timeline"), timeline, (moment) => player.playFrom(moment));
  facts(at("timings"), [
    ["decode", milliseconds(timings.decode_ms)],
    ["queue", milliseconds(timings.queue_ms)],
    ["engine", milliseconds(timings.engine_ms)],
    ["in the service", milliseconds(timings.total_ms)],
    ["from here and back", milliseconds(passed)],
    ["batch", timings.batch_size],
  ]);
  const doubt = answer.uncertain ? ", uncertain" : "";
  tell(`${name} sounds like ${best.label}, ${percent(best.confidence)}${doubt}.`);
}

function takeDrops() {
  const isFile = (event) => event.dataTransfer?.types.includes("Files");
  const dragging = (isOver) => document.body.classList.toggle("dragging", isOver);
  addEventListener("dragover", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    dragging(true);
  });
  addEventListener("dragleave", (event) => event.relatedTarget || dragging(false));
  addEventListener("drop", (event) => {
    dragging(false);
    if (!isFile(event)) return;
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (file) listen(file, file.name);
  });
}

function offerSamples() {
  at("samples").append(...SAMPLES.map((sample) => {
    const button = make("button", { type: "button" }, sample.name);
    button.addEventListener("click", async () => {
      try {
        await listen(new Blob([await bytesOf(sample)], { type: "audio/ogg" }), sample.name, pathOf(sample));
      } catch (error) {
        complain(error);
      }
    });
    return button;
  }));
}

takeDrops();
offerSamples();
drawCredits(at("credits"));
at("file").addEventListener("change", ({ target }) => {
  const [file] = target.files;
  if (file) listen(file, file.name);
  target.value = ""; // the same file may be chosen again
});
recorder(at("record"), {
  recorded: (bytes) => listen(new Blob([bytes], { type: "audio/wav" }), "recording.wav"),
  told: tell,
  failed: complain,
});
at("copy").addEventListener("click", async () => tell(await copyFrom(at("curl"))));
retryWithKey(() => askModel().catch(complain));
askModel().catch(complain);
