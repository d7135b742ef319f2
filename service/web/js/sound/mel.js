/** Spectrograms as the ear spaces them: rows on the mel scale, in decibels. */

import { Spectrum } from "./fft.js";

const SIZE = 1024;
export const ROWS = 96;
export const TOP_HZ = 16000;
const FLOOR_DB = -120;

const toMel = (hertz) => 2595 * Math.log10(1 + hertz / 700);
const toHertz = (mel) => 700 * (10 ** (mel / 2595) - 1);

/** The row, from 0 to 1, at which a frequency lies. */
export const heightOf = (hertz) => toMel(hertz) / toMel(TOP_HZ);

/** Makes one column after the other. */
export class MelColumns {
  constructor(sampleRate) {
    this.spectrum = new Spectrum(SIZE);
    this.powers = new Float64Array(SIZE / 2 + 1);
    const edge = (row) => (toHertz((toMel(TOP_HZ) * row) / ROWS) * SIZE) / sampleRate;
    this.edges = Float64Array.from({ length: ROWS + 1 }, (_, row) => edge(row));
  }

  /** Decibels of each row around one sample, into `column`. */
  at(samples, middle, column) {
    this.spectrum.powers(samples, Math.round(middle) - SIZE / 2, this.powers);
    for (let row = 0; row < ROWS; row += 1) {
      column[row] = Math.max(FLOOR_DB, 10 * Math.log10(this.#between(this.edges[row], this.edges[row + 1]) + 1e-12));
    }
    return column;
  }

  /** Mean power; between two bins where a row is narrower than one. */
  #between(low, high) {
    const { powers } = this;
    const first = Math.ceil(low);
    const last = Math.min(Math.floor(high), powers.length - 1);
    if (last < first) {
      const middle = Math.min((low + high) / 2, powers.length - 1.001);
      const bin = Math.floor(middle);
      return powers[bin] + (powers[bin + 1] - powers[bin]) * (middle - bin);
    }
    let sum = 0;
    for (let bin = first; bin <= last; bin += 1) sum += powers[bin];
    return sum / (last - first + 1);
  }
}

/** So many columns over the whole of a sound, one after the other in one array. */
export function spectrogram(samples, sampleRate, columns) {
  const mel = new MelColumns(sampleRate);
  const values = new Float32Array(columns * ROWS);
  for (let i = 0; i < columns; i += 1) {
    mel.at(samples, ((i + 0.5) / columns) * samples.length, values.subarray(i * ROWS, (i + 1) * ROWS));
  }
  return values;
}
