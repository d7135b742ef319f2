/** What the microphone hears, as it is heard. */

import { drawBars, drawVerdict } from "./draw/bars.js";
import { Rolling } from "./draw/rolling.js";
import { at, make, milliseconds, percent } from "./parts/dom.js";
import { complain, retryWithKey, tell } from "./parts/notices.js";
import { Problem, askModel } from "./service/ask.js";
import { LiveStream } from "./service/stream.js";
import { openMicrophone } from "./sound/microphone.js";

const WISHES = { format: "s16", hop_s: 0.5, top_k: 5, smoothing: 0.5 };
const MOST_REMEMBERED = 100;

let live = null; // the microphone and the stream, from start to end
let newest = "";

async function start() {
  const mine = { microphone: null, stream: null };
  live = mine;
  buttons();
  retryWithKey(start);
  complain(null);
  tell("Connecting …");
  try {
    const model = await askModel(); // says whether a key is needed, which a WebSocket cannot
    let rolling = null;
    const heard = (piece) => {
      rolling?.add(piece);
      mine.stream?.send(piece);
    };
    mine.microphone = await openMicrophone(heard, () => end(mine, new Problem("The microphone is gone.")));
    if (live !== mine) {
      await mine.microphone.close();
      return;
    }
    const { sampleRate } = mine.microphone;
    rolling = new Rolling(at("rolling"), sampleRate);
    mine.stream = new LiveStream({ ...WISHES, sample_rate: sampleRate }, {
      ready: () => tell("Listening."),
      heard: (message) => show(message, model.calibration.novelty),
      trouble: complain,
      ended: (problem) => end(mine, problem),
    });
  } catch (error) {
    end(mine, error);
  }
}

/** It is over: as asked, or by a problem. */
function end(mine, problem) {
  mine.stream?.close();
  mine.microphone?.close();
  mine.microphone = null;
  if (live !== mine) return;
  live = null;
  tell(problem ? "" : "Stopped.");
  complain(problem);
  buttons({ isLost: Boolean(problem) });
}

function stop() {
  live.microphone?.close();
  live.microphone = null;
  if (live.stream) live.stream.close();
  else end(live, null);
}

function buttons({ isLost = false } = {}) {
  const hadFocus = document.activeElement?.closest("button");
  at("start").disabled = Boolean(live);
  at("start").hidden = isLost;
  at("stop").disabled = !live;
  at("again").hidden = !isLost;
  if (hadFocus) [at("stop"), at("again"), at("start")].find((one) => !one.disabled && !one.hidden)?.focus();
}

function show(message, threshold) {
  const [best] = message.predictions;
  complain(null);
  at("now").textContent = best.label;
  drawBars(at("predictions"), message.predictions);
  drawVerdict(at("verdict"), { ...message, unlike: message.unlike_training, threshold });
  const skipped = message.skipped ? `, ${message.skipped} hops skipped before it` : "";
  at("figures").textContent = `Heard until ${message.end_s.toFixed(1)} s; answered in ${milliseconds(message.latency_ms)}`
    + `, of which ${milliseconds(message.engine_ms)} in the engine${skipped}.`;
  if (best.label !== newest || message.hop === 1) remember(message, best);
}

function remember({ end_s: moment, uncertain }, { label, confidence }) {
  newest = label;
  tell(`Now ${label}.`);
  at("history").prepend(make("li", {},
    make("time", {}, `${moment.toFixed(1)} s`),
    make("span", {}, label + (uncertain ? " (uncertain)" : "")),
    make("span", { className: "percent" }, percent(confidence))));
  while (at("history").children.length > MOST_REMEMBERED) at("history").lastChild.remove();
}

at("start").addEventListener("click", start);
at("again").addEventListener("click", start);
at("stop").addEventListener("click", stop);
retryWithKey(() => askModel().catch(complain));
askModel().catch(complain);
