/** The sounds that come with the pages, and whose they are. */

import { reached } from "../service/ask.js";

export const SAMPLES = [
  { name: "Rooster", file: "rooster.ogg", by: "bob58", from: "rooster.wav", sound: 164859, terms: "CC0" },
  { name: "Dog", file: "dog.ogg", by: "nfrae", from: "rose_bark.wav", sound: 100032, terms: "CC0" },
  { name: "Sneezing", file: "sneezing.ogg", by: "transitking", from: "Sneeze.wav", sound: 59324, terms: "CC0" },
  { name: "Rain", file: "rain.ogg", by: "uberhuberman", from: "Louisiana Rain 1.wav", sound: 21189, terms: "CC0" },
  { name: "Long: three in a row", file: "three.ogg", of: ["Dog", "Rain", "Rooster"] },
];

/** Where it lies. */
export const pathOf = (sample) => `web/samples/${sample.file}`;

/** Its bytes. */
export const bytesOf = async (sample) => (await reached(pathOf(sample))).arrayBuffer();
