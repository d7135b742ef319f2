/** The outline of a sound: of each column of pixels its least and greatest sample. */

import { fitted } from "./canvas.js";
import { themed } from "./colours.js";

export function drawWaveform(canvas, samples) {
  const context = fitted(canvas);
  const { width, height } = canvas;
  const middle = height / 2;
  const loudest = peak(samples, 0, samples.length).reduce((most, value) => Math.max(most, Math.abs(value)), 0.01);
  const scale = (0.95 * middle) / loudest;
  context.fillStyle = themed("wave");
  for (let x = 0; x < width; x += 1) {
    const from = Math.floor((x / width) * samples.length);
    const [low, high] = peak(samples, from, Math.max(from + 1, Math.floor(((x + 1) / width) * samples.length)));
    context.fillRect(x, middle - high * scale, 1, Math.max(1, (high - low) * scale));
  }
}

function peak(samples, from, to) {
  let low = Infinity;
  let high = -Infinity;
  for (let i = from; i < to; i += 1) {
    if (samples[i] < low) low = samples[i];
    if (samples[i] > high) high = samples[i];
  }
  return low > high ? [0, 0] : [low, high];
}
