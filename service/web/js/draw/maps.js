/** What a layer gives: maps over frequency and time, or single features as bars. */

import { fitted, paint } from "./canvas.js";
import { glow, grey, heat, themed } from "./colours.js";
import { brightness, drawTicks } from "./spectrogram.js";

/** One map, as bright as its own values go. */
export function drawMap(canvas, values, { smooth = false } = {}) {
  const context = fitted(canvas);
  const [low, high] = bounds(values.flat());
  const scale = high > low ? 1 / (high - low) : 0;
  const at = (row, column) => (values[row][column] - low) * scale;
  paint(context, values.length, values[0].length, at, heat, { smooth });
}

/** Features as bars, up and down from nothing. */
export function drawFeatures(canvas, values) {
  const context = fitted(canvas);
  const { width, height } = canvas;
  const [low, high] = bounds([...values, 0]);
  const y = (value) => Math.round(height * (0.05 + (0.9 * (high - value)) / (high - low || 1)));
  context.fillStyle = themed("card");
  context.fillRect(0, 0, width, height);
  context.fillStyle = themed("wave");
  const step = width / values.length;
  values.forEach((value, i) => {
    const [top, bottom] = [y(0), y(value)].sort((a, b) => a - b);
    context.fillRect(Math.round(i * step), top, Math.max(1, Math.round(0.8 * step)), Math.max(1, bottom - top));
  });
}

/** The spectrogram in grey, and above it, in colour, where the score of a class comes from. */
export function drawHeat(canvas, spectrogram, found) {
  const context = fitted(canvas);
  const { values, shape: [rows, columns] } = spectrogram;
  const [, top] = bounds(values.flat());
  paint(context, rows, columns, (row, column) => brightness(values[row][column], top), found ? grey : heat);
  if (found) {
    paint(context, found.shape[0], found.shape[1], (row, column) => found.values[row][column], glow);
  }
  const above = (hertz) => spectrogram.hertz.filter((one) => one < hertz).length / rows;
  drawTicks(context, above);
}

function bounds(values) {
  return values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
}
