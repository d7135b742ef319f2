/** The spectrogram of a whole sound, with its frequencies written on it. */

import { ROWS, heightOf as heightOnMel, spectrogram } from "../sound/mel.js";
import { fitted, paint } from "./canvas.js";
import { heat } from "./colours.js";

const RANGE_DB = 75;
const MOST_COLUMNS = 1200;
const TICKS = { 500: "0.5 kHz", 1000: "1 kHz", 2000: "2 kHz", 4000: "4 kHz", 8000: "8 kHz" };

export function drawSpectrogram(canvas, samples, sampleRate) {
  const context = fitted(canvas);
  const columns = Math.min(canvas.width, MOST_COLUMNS);
  const values = spectrogram(samples, sampleRate, columns);
  const top = values.reduce((most, value) => Math.max(most, value), -Infinity);
  paint(context, ROWS, columns, (row, column) => brightness(values[column * ROWS + row], top), heat);
  drawTicks(context, heightOnMel);
}

/** Of a level in dB: 1 at the loudest. */
export const brightness = (level, top) => 1 + (level - top) / RANGE_DB;

/** Names of frequencies at the left edge; `heightOf` says how far up they are, from 0 to 1. */
export function drawTicks(context, heightOf) {
  const scale = window.devicePixelRatio || 1;
  context.font = `${11 * scale}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  context.lineWidth = 3 * scale;
  context.strokeStyle = "#000a";
  context.fillStyle = "#fff";
  for (const [hertz, name] of Object.entries(TICKS)) {
    const y = (1 - heightOf(Number(hertz))) * context.canvas.height;
    context.strokeText(name, 6 * scale, y);
    context.fillText(name, 6 * scale, y);
  }
}
