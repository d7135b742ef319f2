/** A button that records until it is pressed again. */

import { openMicrophone } from "../sound/microphone.js";
import { wav } from "../sound/wav.js";
import { seconds } from "./dom.js";

const LONGEST_S = 60;

/** `recorded` gets the WAV file, `told` what is going on, `failed` what went wrong. */
export function recorder(button, { recorded, told, failed }) {
  let recording = null;

  async function start() {
    const pieces = [];
    let length = 0;
    recording = { pieces, microphone: null };
    const heard = (piece) => {
      pieces.push(piece);
      length += piece.length;
      const passed = length / (recording?.microphone?.sampleRate ?? Infinity);
      told(`Recording … ${seconds(passed)} s`);
      if (passed >= LONGEST_S) stop();
    };
    recording.microphone = await openMicrophone(heard, stop);
    button.textContent = "Stop";
    button.classList.add("recording");
    told("Recording …");
  }

  async function stop() {
    if (!recording?.microphone) return;
    const { pieces, microphone } = recording;
    recording = null;
    button.textContent = "Record";
    button.classList.remove("recording");
    await microphone.close();
    if (pieces.length) recorded(wav(pieces, microphone.sampleRate));
    else told("Nothing was recorded.");
  }

  button.addEventListener("click", async () => {
    try {
      await (recording ? stop() : start());
    } catch (error) {
      recording = null;
      told();
      failed(error);
    }
  });
}
