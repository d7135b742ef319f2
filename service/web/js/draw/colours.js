/** Numbers from 0 to 1 as colours that get brighter evenly, also for those who see few of them. */

const ANCHORS = [
  [0, 0, 4], [31, 12, 72], [85, 15, 109], [136, 34, 106], [186, 54, 85], [227, 89, 51], [249, 140, 10],
  [249, 201, 50], [252, 255, 164],
];
const STEPS = 256;
const TABLE = Array.from({ length: STEPS }, (_, i) => between((i / (STEPS - 1)) * (ANCHORS.length - 1)));

/** Red, green and blue of a value. */
export const heat = (value) => TABLE[Math.max(0, Math.min(STEPS - 1, Math.round(value * (STEPS - 1))))];

/** The same in grey, so that something can lie above it. */
export const grey = (value) => Array(3).fill(235 * Math.max(0, Math.min(1, value)));

/** What lies above it: one colour, the less to be seen the smaller the value. */
export const glow = (value) => [255, 105, 20, 0.75 * value];

/** A colour of the stylesheet, as it is in the theme of the moment. */
export const themed = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function between(place) {
  const low = Math.min(Math.floor(place), ANCHORS.length - 2);
  return ANCHORS[low].map((value, i) => value + (ANCHORS[low + 1][i] - value) * (place - low));
}
