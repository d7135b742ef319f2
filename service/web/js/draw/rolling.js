/** A spectrogram that moves: every new column pushes the others to the left. */

import { MelColumns, ROWS } from "../sound/mel.js";
import { heat } from "./colours.js";

const SECONDS = 10;
const COLUMNS = 500;
const KEPT = 2048;
const FLOOR_DB = -95;
const TOP_DB = -15;

export class Rolling {
  constructor(canvas, sampleRate) {
    canvas.width = COLUMNS;
    canvas.height = ROWS;
    this.context = canvas.getContext("2d");
    this.mel = new MelColumns(sampleRate);
    this.hop = (SECONDS * sampleRate) / COLUMNS;
    this.last = new Float32Array(KEPT);
    this.owed = 0;
    this.column = new Float32Array(ROWS);
    this.image = new ImageData(1, ROWS);
  }

  /** The next piece of sound. */
  add(samples) {
    const all = new Float32Array(this.last.length + samples.length);
    all.set(this.last);
    all.set(samples, this.last.length);
    this.owed += samples.length;
    while (this.owed >= this.hop) {
      this.owed -= this.hop;
      this.#push(this.mel.at(all, all.length - this.owed - KEPT / 2, this.column));
    }
    this.last = all.slice(-KEPT);
  }

  #push(column) {
    column.forEach((value, row) => {
      const [red, green, blue] = heat((value - FLOOR_DB) / (TOP_DB - FLOOR_DB));
      this.image.data.set([red, green, blue, 255], 4 * (ROWS - 1 - row));
    });
    this.context.drawImage(this.context.canvas, -1, 0);
    this.context.putImageData(this.image, COLUMNS - 1, 0);
  }
}
